/** A table with a border and centred cells, as calicoctl printed it until 2016; scripts cut it apart at the bars. */
export function boxedTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const border = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (cells: readonly string[]) =>
    `|${widths.map((width, column) => ` ${centred(cells[column] ?? "", width)} `).join("|")}|`;
  return `${[border, line(headers), border, ...rows.map(line), border].join("\n")}\n`;
}

/** Of an odd rest, the larger half goes to the left of a text of even length, and to the right of the others. */
function centred(text: string, width: number): string {
  const excess = width - text.length;
  const left = text.length % 2 === 0 ? Math.ceil(excess / 2) : Math.floor(excess / 2);
  return " ".repeat(left) + text + " ".repeat(excess - left);
}
