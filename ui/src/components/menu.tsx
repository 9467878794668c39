import { Menu as BaseMenu } from '@base-ui/react/menu'
import type { ReactElement, ReactNode } from 'react'
import { classNames } from './class-names.ts'

export interface MenuItem {
  label: ReactNode
  onSelect: () => void
  icon?: ReactNode
  isDangerous?: boolean
  isDisabled?: boolean
}

export interface MenuProps {
  /** The button that opens it, with a name: `<Button size="icon" aria-label="More" />`. */
  trigger: ReactElement<Record<string, unknown>>
  /** Groups are set apart by a line. */
  groups: readonly (readonly MenuItem[])[]
  align?: 'start' | 'end'
  /** Above the items, not one of them. */
  heading?: ReactNode
}

/** Actions behind a button. */
export function Menu({ trigger, groups, align = 'end', heading }: MenuProps) {
  return (
    <BaseMenu.Root>
      <BaseMenu.Trigger render={trigger} />
      <BaseMenu.Portal>
        <BaseMenu.Positioner sideOffset={4} align={align} className="z-50 outline-none">
          <BaseMenu.Popup className="popup max-w-[min(90vw,20rem)] min-w-44 p-1 outline-none">
            {heading === undefined ? null : (
              <div className="border-b border-line px-2 pt-1 pb-2 text-xs text-muted">{heading}</div>
            )}
            {groups
              .filter((group) => group.length > 0)
              .map((group, place) => (
                <BaseMenu.Group
                  // Groups neither move nor have names.
                  key={`group-${place}`}
                  className={place === 0 ? '' : 'mt-1 border-t border-line pt-1'}
                >
                  {group.map((item, index) => (
                    <BaseMenu.Item
                      key={`item-${index}`}
                      disabled={item.isDisabled ?? false}
                      onClick={item.onSelect}
                      className={classNames(
                        'flex min-h-8 cursor-default items-center gap-2 rounded px-2 text-[13px] outline-none select-none data-disabled:opacity-50 data-highlighted:bg-hover pointer-coarse:min-h-11 [&_svg]:size-4',
                        item.isDangerous === true && 'text-bad',
                      )}
                    >
                      {item.icon}
                      {item.label}
                    </BaseMenu.Item>
                  ))}
                </BaseMenu.Group>
              ))}
          </BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  )
}
