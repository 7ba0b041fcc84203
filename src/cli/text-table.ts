/** One column; `Row` is what a line is made of. */
export type TableColumn<Row> = {
  readonly header: string;
  readonly value: (row: Row) => string;
  readonly align?: "right";
  /** Shown only by `-o wide`. */
  readonly wide?: true;
  /** On a narrow terminal the column with the greatest number goes first; without one it always stays. */
  readonly dropOrder?: number;
};

/** Headers, in the order in which they are wanted. */
export type ColumnChoice = readonly string[];

/** Which columns are wanted: the usual ones, all of them, or those of `-o custom-columns`. */
export type TableView = { readonly wide: boolean; readonly only?: ColumnChoice };

export type TableOptions = TableView & {
  /** Columns of the terminal; undefined shows all. */
  readonly width: number | undefined;
};

const GAP = "  ";

/** Lines with aligned columns, headers in capitals. Too narrow a terminal loses columns, never the middle of a word. */
export function formatTable<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  { wide, width, only }: TableOptions,
): string {
  const shown =
    only === undefined
      ? columns.filter((column) => wide || column.wide !== true)
      : chosenColumns(columns, only);
  let laidOut = shown.map((column) => layOut(column, rows));
  while (width !== undefined && !wide && totalWidth(laidOut) > width) {
    const victim = greatestDropOrder(laidOut);
    if (victim === undefined) break;
    laidOut = laidOut.filter((each) => each !== victim);
  }
  const lines = Array.from({ length: rows.length + 1 }, (_, i) =>
    laidOut
      .map(({ cells, column, columnWidth }) => pad(cells[i] ?? "", columnWidth, column.align))
      .join(GAP)
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** Headers that are not there are left out: nobody should have to know which columns a table has to ask for one. */
function chosenColumns<Row>(
  columns: readonly TableColumn<Row>[],
  only: ColumnChoice,
): readonly TableColumn<Row>[] {
  return only.flatMap((header) =>
    columns.filter((column) => column.header === header.trim().toUpperCase()),
  );
}

type LaidOut<Row> = {
  readonly column: TableColumn<Row>;
  readonly cells: readonly string[];
  readonly columnWidth: number;
};

function layOut<Row>(column: TableColumn<Row>, rows: readonly Row[]): LaidOut<Row> {
  const cells = [column.header, ...rows.map((row) => oneLine(column.value(row)))];
  return { column, cells, columnWidth: Math.max(...cells.map((cell) => cell.length)) };
}

function totalWidth<Row>(laidOut: readonly LaidOut<Row>[]): number {
  const cells = laidOut.reduce((sum, { columnWidth }) => sum + columnWidth, 0);
  return cells + GAP.length * Math.max(0, laidOut.length - 1);
}

function greatestDropOrder<Row>(laidOut: readonly LaidOut<Row>[]): LaidOut<Row> | undefined {
  const droppable = laidOut.filter(({ column }) => column.dropOrder !== undefined);
  return droppable.toSorted((a, b) => (b.column.dropOrder ?? 0) - (a.column.dropOrder ?? 0))[0];
}

function pad(text: string, width: number, align: "right" | undefined): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}

/** What a peer sent must not be able to move the cursor. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is meant
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

/** Names and values below one another: "State      Established for 5m". */
export function formatPairs(
  pairs: readonly (readonly [name: string, value: string | undefined])[],
): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}${GAP}${oneLine(value)}\n`).join("");
}
