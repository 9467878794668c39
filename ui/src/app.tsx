import { CSPProvider } from '@base-ui/react/csp-provider'
import { Tooltip } from '@base-ui/react/tooltip'
import { QueryClientProvider } from '@tanstack/react-query'
import { Route, Router, Switch, useLocation } from 'wouter'
import { mountPath } from './api/mount.ts'
import { newQueryClient } from './api/queries.ts'
import { Announcements } from './components/announce.tsx'
import { Toasts } from './components/toast.tsx'
import { SharedTooltip } from './components/tooltip.tsx'
import { ErrorBoundary } from './frame/error-boundary.tsx'
import { Layout } from './frame/layout.tsx'
import { SignedIn } from './frame/signed-in.tsx'
import { KeyView } from './views/key/key-view.tsx'
import { KeysList } from './views/keys/keys-list.tsx'
import { NewKey } from './views/keys/new-key.tsx'
import { NotFound } from './views/not-found.tsx'
import { Notices } from './views/notices/notices.tsx'
import { People } from './views/people/people.tsx'
import { ServiceUser } from './views/service-users/service-user.tsx'
import { ServiceUsers } from './views/service-users/service-users.tsx'
import { Settings } from './views/settings/settings.tsx'
import { Invitation, Setup } from './views/sign-in/come-in.tsx'
import { SignInDialog } from './views/sign-in/sign-in-dialog.tsx'
import { SignIn, SignInDone, donePath } from './views/sign-in/sign-in.tsx'
import { Trail } from './views/trail/trail.tsx'

const queries = newQueryClient()

/** The page: what all views stand on, and which view an address leads to. */
export function App() {
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Tooltip.Provider>
          <Router base={mountPath()}>
            <Switch>
              <Route path="/sign-in" component={SignIn} />
              <Route path={donePath} component={SignInDone} />
              <Route path="/setup" component={Setup} />
              <Route path="/invitation" component={Invitation} />
              <Route>
                <SignedIn>
                  <Layout>
                    <Views />
                  </Layout>
                  <SignInDialog />
                </SignedIn>
              </Route>
            </Switch>
          </Router>
          <SharedTooltip />
          <Toasts />
          <Announcements />
        </Tooltip.Provider>
      </QueryClientProvider>
    </CSPProvider>
  )
}

function Views() {
  const [path] = useLocation()
  return (
    <ErrorBoundary path={path}>
      <Switch>
        <Route path="/" component={KeysList} />
        <Route path="/new" component={NewKey} />
        <Route path="/keys/:id/:tab?">{({ id, tab }) => <KeyView key={id} id={id} tab={tab} />}</Route>
        <Route path="/service-users" component={ServiceUsers} />
        <Route path="/service-users/:id">{({ id }) => <ServiceUser key={id} id={id} />}</Route>
        <Route path="/trail" component={Trail} />
        <Route path="/notices" component={Notices} />
        <Route path="/people" component={People} />
        <Route path="/settings" component={Settings} />
        <Route component={NotFound} />
      </Switch>
    </ErrorBoundary>
  )
}
