/**
 * Columns, padded to the widest cell: no lines, so that `awk` can read them too. Written here and not by cli-table3, whose time
 * grows with the square of the rows: 12 s for 10 000 members.
 */

import { stripVTControlCharacters } from 'node:util'

const widthOf = (cell: string) => stripVTControlCharacters(cell).length

/** One line for each row; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => rows.reduce((width, row) => Math.max(width, widthOf(row[column]!)), 0))
  return rows.map(row =>
    row
      .map((cell, column) => cell + ' '.repeat(widths[column]! - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  )
}
