/**
 * A block of lines at the bottom of a terminal that is redrawn in place, with permanent lines scrolling away above it.
 *
 * The cursor rests on the line below the block. A frame is one write, lines are overwritten before the rest is cleared, and the terminal's
 * own wrapping is off while the block is drawn: neither flicker nor a character of unexpected width can break the layout.
 * When the terminal becomes narrower, some wrap the lines that stand there, others clip them, and tmux tells the new size late. The
 * cursor goes up by the lines that were drawn and no further: that may leave rows of an old block, but never takes permanent lines.
 * Control sequences: ECMA-48 (CUU, ED, EL), DEC private modes 7 (wrapping) and 25 (cursor).
 */
const control = '\u001b[';
const hideCursor = `${control}?25l`;
const showCursor = `${control}?25h`;
const wrapOff = `${control}?7l`;
const wrapOn = `${control}?7h`;
const clearBelow = `${control}J`;
const clearRest = `${control}K`;
const clearLine = `${control}2K`;

export interface LiveScreen {
  /** Prints `permanent` above and `block` below it, in place of the block before. Does nothing when nothing differs. */
  draw(permanent: readonly string[], block: readonly string[]): void;
  /** Gives the cursor back and leaves the block standing; the next frame starts below it. */
  release(): void;
}

export function createLiveScreen(write: (text: string) => void): LiveScreen {
  let drawn: readonly string[] = [];
  let hidden = false;
  return {
    draw: (permanent, block) => {
      if (permanent.length === 0 && sameLines(block, drawn)) return;
      const up = drawn.length > 0 ? `\r${control}${drawn.length}A` : '';
      // Row by row: tmux takes clearing from the top of the screen for a reason to keep the old block in its history.
      const above =
        permanent.length > 0 ? `${`${clearLine}\n`.repeat(drawn.length)}${up}${permanent.join('\n')}\n` : '';
      const below =
        block.length > 0 ? `${wrapOff}${block.map((line) => `${line}${clearRest}\n`).join('')}${wrapOn}` : '';
      const hide = block.length > 0 && !hidden ? hideCursor : '';
      const show = block.length === 0 && hidden ? showCursor : '';
      write(`${hide}${up}${above}${below}${clearBelow}${show}`);
      hidden = block.length > 0;
      drawn = [...block];
    },
    release: () => {
      if (hidden) write(`${wrapOn}${showCursor}`);
      hidden = false;
      drawn = [];
    },
  };
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i]);
}
