/** One line of CSV (RFC 4180). A cell that a spreadsheet would run as a formula gets a leading apostrophe. */
export const stringifyCells = (cells: readonly string[]): string =>
  `${cells
    .map((cell) => (/^[=+@\t\r]|^-(?!\d+(\.\d+)?$)/.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',')}\r\n`;
