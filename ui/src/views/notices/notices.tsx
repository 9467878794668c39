import { useLocation, useSearch } from 'wouter'
import { Segments } from '../../components/segments.tsx'
import { Page, Section } from '../../frame/page.tsx'
import { DueList } from '../../notices/due-list.tsx'
import { NoticeList } from '../../notices/notice-list.tsx'

/** What owners were told, whether it arrived, and what they will be told next. */
export function Notices() {
  const [path, navigate] = useLocation()
  const shown = new URLSearchParams(useSearch()).get('show') === 'all' ? 'all' : 'open'
  return (
    <Page
      title="Notices"
      description="What owners are told about their keys. What nobody acknowledges is told to the backup owner as well."
    >
      <Section
        title="Sent"
        actions={
          <Segments
            label="Which notices"
            options={[
              { value: 'open', label: 'Not acknowledged' },
              { value: 'all', label: 'All' },
            ]}
            value={shown}
            onChange={(next) => navigate(next === 'all' ? `${path}?show=all` : path, { replace: true })}
          />
        }
      >
        <NoticeList filter={shown === 'open' ? { unacknowledged: true, limit: 20 } : { limit: 20 }} />
      </Section>
      <Section title="Due next" description="Within 30 days, if nothing happens before.">
        <DueList />
      </Section>
    </Page>
  )
}
