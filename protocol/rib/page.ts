/**
 * Tables keep their rows on pages of this many rows, each page one Int32Array, so growth never copies what is there.
 * (A resizable ArrayBuffer would read nicer and costs twice the time of a page lookup.)
 */
export const PAGE_BITS = 12;
export const PAGE_ROWS = 1 << PAGE_BITS;
export const PAGE_MASK = PAGE_ROWS - 1;

/** Most rows of a table: ids must fit 26 bits, with the change bits of the change log in one word. */
export const MAX_ROWS = 1 << 26;
