import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react'
import { memo, type ReactNode } from 'react'

export interface Column<Row> {
  id: string
  header: string
  cell: (row: Row) => ReactNode
  align?: 'start' | 'end'
  /** The first line of the card on a narrow screen: the row's name and link. */
  isLead?: boolean
  /** Left out of the card. */
  isHiddenNarrow?: boolean
  /** The heading is only for screen readers, and the card has no label for it: actions. */
  isHeaderHidden?: boolean
  /** What the list is sorted by when the heading is chosen. */
  sort?: string
  /** In the card it stands in the upper right corner: one small button, such as that of a menu. */
  isCorner?: boolean
  className?: string
}

export interface TableProps<Row> {
  /** Names the table for screen readers. */
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string
  sort?: { by: string; direction: 'ascending' | 'descending'; onChange: (by: string) => void }
  /** Pale while newer rows are on their way. */
  isStale?: boolean
}

/** A table; where it has less than 576 px each row is a card. A link with the class `row-link` makes its whole row answer. */
export function Table<Row>({ caption, columns, rows, rowKey, sort, isStale = false }: TableProps<Row>) {
  return (
    <div className="panel @container relative overflow-x-auto" aria-busy={isStale || undefined}>
      <table role="table" className="data-table">
        <caption className="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th
                key={column.id}
                role="columnheader"
                scope="col"
                data-align={column.align}
                aria-sort={
                  sort !== undefined && column.sort !== undefined
                    ? column.sort === sort.by
                      ? sort.direction
                      : 'none'
                    : undefined
                }
              >
                <Heading column={column} sort={sort} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" className={isStale ? 'opacity-60 transition-opacity' : undefined}>
          {rows.map((row) => (
            <TableRow key={rowKey(row)} row={row} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Rendered anew only with its own data, where the columns stay the same: lists grow page by page. */
const TableRow = memo(function TableRow<Row>({
  row,
  columns,
}: {
  row: Row
  columns: readonly Column<Row>[]
}) {
  return (
    <tr role="row">
      {columns.map((column) => (
        <td
          key={column.id}
          role="cell"
          data-label={column.isHeaderHidden === true ? '' : column.header}
          data-lead={column.isLead}
          data-corner={column.isCorner}
          data-align={column.align}
          data-narrow={column.isHiddenNarrow === true ? 'hide' : undefined}
          className={column.className}
        >
          {column.cell(row)}
        </td>
      ))}
    </tr>
  )
}) as <Row>(props: { row: Row; columns: readonly Column<Row>[] }) => ReactNode

function Heading<Row>({ column, sort }: { column: Column<Row>; sort: TableProps<Row>['sort'] }) {
  const { sort: by } = column
  if (column.isHeaderHidden === true) return <span className="visually-hidden">{column.header}</span>
  if (sort === undefined || by === undefined) return column.header
  const isSorted = sort.by === by
  return (
    <button
      type="button"
      onClick={() => sort.onChange(by)}
      className="-mx-1 inline-flex items-center gap-1 rounded px-1 font-medium hover:text-ink [&_svg]:size-3"
    >
      {column.header}
      {isSorted ? (
        sort.direction === 'ascending' ? (
          <ArrowUp aria-hidden />
        ) : (
          <ArrowDown aria-hidden />
        )
      ) : (
        <ChevronsUpDown className="opacity-60" aria-hidden />
      )}
    </button>
  )
}
