import { clsx, type ClassValue } from 'clsx'
import { createTailwindMerge, validators } from 'tailwind-merge'

/** Classes joined; of two that say the same thing, the later one holds. */
export function classNames(...values: ClassValue[]): string {
  return merge(clsx(values))
}

const any = [validators.isAny]
const sides = (name: string) => ({
  [name]: [{ [name]: any }],
  [`${name}x`]: [{ [`${name}x`]: any }],
  [`${name}y`]: [{ [`${name}y`]: any }],
  [`${name}t`]: [{ [`${name}t`]: any }],
  [`${name}r`]: [{ [`${name}r`]: any }],
  [`${name}b`]: [{ [`${name}b`]: any }],
  [`${name}l`]: [{ [`${name}l`]: any }],
})
const over = (name: string) => ({
  [name]: ['x', 'y', 't', 'r', 'b', 'l'].map((side) => `${name}${side}`),
  [`${name}x`]: [`${name}r`, `${name}l`],
  [`${name}y`]: [`${name}t`, `${name}b`],
})

/** Only what the kit's components let their users overrule: the library's whole list weighs 7 kB. */
const merge = createTailwindMerge(() => ({
  cacheSize: 500,
  theme: {},
  classGroups: {
    ...sides('p'),
    ...sides('m'),
    display: [
      'block',
      'inline',
      'inline-block',
      'flex',
      'inline-flex',
      'grid',
      'inline-grid',
      'hidden',
      'contents',
    ],
    size: [{ size: any }],
    h: [{ h: any }],
    w: [{ w: any }],
    'min-h': [{ 'min-h': any }],
    'min-w': [{ 'min-w': any }],
    'max-h': [{ 'max-h': any }],
    'max-w': [{ 'max-w': any }],
    gap: [{ gap: any }],
    justify: [{ justify: ['start', 'end', 'center', 'between'] }],
    items: [{ items: any }],
    'text-align': [{ text: ['left', 'right', 'center'] }],
    'text-wrap': [{ text: ['wrap', 'nowrap', 'balance', 'pretty'] }],
    'font-size': [{ text: ['xs', 'sm', 'base', 'lg', 'xl', validators.isArbitraryValue] }],
    'text-color': [{ text: any }],
    'font-weight': [{ font: ['normal', 'medium', 'semibold', 'bold'] }],
    'font-family': [{ font: ['sans', 'mono'] }],
    whitespace: [{ whitespace: any }],
    overflow: [{ overflow: any }],
    background: [{ bg: any }],
    rounded: [{ rounded: ['', validators.isAny] }],
    shrink: [{ shrink: ['', validators.isAny] }],
  },
  conflictingClassGroups: { ...over('p'), ...over('m'), size: ['w', 'h'] },
  conflictingClassGroupModifiers: {},
  orderSensitiveModifiers: [],
}))
