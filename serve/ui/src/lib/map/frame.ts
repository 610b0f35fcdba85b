/** Pictures as maps: pixels as coordinates, shapes as shares of the frame. */

import { Projection } from 'ol/proj';

import type { Bounds } from './projections';

/** `x` from the left edge, `y` from the top, both 0 to 1: as cameras' zones and boxes are kept. */
export type Share = [x: number, y: number];
export type Box = [x1: number, y1: number, x2: number, y2: number];

/** A picture's plane: origin at the lower left, one unit a pixel. */
export class Frame {
  readonly extent: Bounds;
  readonly projection: Projection;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.extent = [0, 0, width, height];
    this.projection = new Projection({
      code: `frame-${width}x${height}`,
      units: 'pixels',
      extent: this.extent,
    });
  }

  /** A place in the frame, kept within it. */
  toShare([x, y]: number[]): Share {
    const within = (value: number) => Math.min(1, Math.max(0, value));
    // Four digits are a fifth of a pixel of a wide frame.
    const short = (value: number) => Math.round(within(value) * 1e4) / 1e4;
    return [short((x ?? 0) / this.width), short(1 - (y ?? 0) / this.height)];
  }

  fromShare([x, y]: readonly number[]): [number, number] {
    return [(x ?? 0) * this.width, (1 - (y ?? 0)) * this.height];
  }
}
