import type { CatchUp } from "./catch-up.ts";

/** One peer's place in its update group. Only the group changes it. */
export type GroupMember = {
  readonly peerIndex: number;
  /** The number of the next run of the stream, while attached. */
  cursor: number;
  /** Present while detached. */
  catchUp: CatchUp | undefined;
  endOfRibSent: boolean;
  /** A refresh was asked for and has not begun. */
  refreshWanted: boolean;
  /** The catch-up at hand is a refresh, whose end may need saying. */
  refreshing: boolean;
};

export function newMember(peerIndex: number): GroupMember {
  return {
    peerIndex,
    cursor: 0,
    catchUp: undefined,
    endOfRibSent: false,
    refreshWanted: false,
    refreshing: false,
  };
}
