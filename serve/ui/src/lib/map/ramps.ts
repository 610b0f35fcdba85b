/** Colours of measured layers: how they run, and how a legend shows them. */

/** Red, green, blue and opacity, 0 to 255. */
export type Colour = [number, number, number, number];
export type Ramp = (value: number) => Colour;

/** Height differences reach full strength here, as in the pictures of reports. */
export const HEIGHT_RANGE_M = 6;
const WHITE = [247, 247, 247] as const;
const RED = [178, 24, 43] as const;
const BLUE = [33, 102, 172] as const;

function between(from: readonly number[], to: readonly number[], share: number): [number, number, number] {
  return [0, 1, 2].map((i) => Math.round(from[i]! + share * (to[i]! - from[i]!))) as [number, number, number];
}

/** Blue fell, red rose; what hardly changed is seen through. */
export const heightRamp: Ramp = (metres) => {
  const share = Math.max(-1, Math.min(1, metres / HEIGHT_RANGE_M));
  const strength = Math.sqrt(Math.abs(share));
  const opacity = Math.round(255 * Math.min(1, strength * 1.6));
  return [...between(WHITE, share > 0 ? RED : BLUE, strength), opacity];
};

const CHANGE = [
  [0, [255, 237, 160]], [0.5, [254, 178, 76]], [0.75, [240, 59, 32]], [1, [120, 0, 60]],
] as const;

/** Probability of change, 0 to 1: yellow over red to dark; below a fifth nothing is drawn. */
export const changeRamp: Ramp = (probability) => {
  const value = Math.max(0, Math.min(1, probability));
  if (value < 0.2) return [0, 0, 0, 0];
  let k = 1;
  while (k < CHANGE.length - 1 && value > CHANGE[k]![0]) k++;
  const [low, high] = [CHANGE[k - 1]!, CHANGE[k]!];
  const share = (value - low[0]) / (high[0] - low[0]);
  return [...between(low[1], high[1], share), Math.round(255 * Math.min(1, 0.35 + 0.65 * value))];
};

/** Stops of a ramp for a legend: `count` values from `low` to `high` with their CSS colours. */
export function stops(ramp: Ramp, low: number, high: number, count = 9): { value: number; css: string }[] {
  return Array.from({ length: count }, (_, k) => {
    const value = low + ((high - low) * k) / (count - 1);
    const [r, g, b, a] = ramp(value);
    return { value, css: `rgb(${r} ${g} ${b} / ${Math.round((a / 255) * 100)}%)` };
  });
}
