/** How one looks at surveys: kept from finding to finding, for as long as the page is open. */

export type Mode = 'swipe' | 'side' | 'blink';
export const MODES: readonly Mode[] = ['swipe', 'side', 'blink'];

class Looking {
  mode = $state<Mode>('swipe');
  /** Where the swipe stands, share of the width. */
  swipe = $state(0.5);
  /** What blinking shows just now. */
  shown = $state<'before' | 'after'>('after');
  /** Whether it turns by itself. */
  turning = $state(false);
  height = $state(false);
  change = $state(false);
  neighbours = $state(true);
  registers = $state(true);
  /** Of the height and change layers. */
  opacity = $state(0.7);
  /** Map units of a pixel, where somebody chose them; else each finding is shown whole. */
  resolution: number | null = null;
  /** The same for cameras' pictures, as a share of the whole picture. */
  closeness: number | null = null;
}

export const looking = new Looking();
