/** One map or picture to look at and to draw on. It is made once and its contents are swapped. */

import Map from 'ol/Map';
import View from 'ol/View';
import type { Coordinate } from 'ol/coordinate';
import { getCenter } from 'ol/extent';
import { defaults as interactions } from 'ol/interaction/defaults';
import type BaseLayer from 'ol/layer/Base';
import type { Projection } from 'ol/proj';

import type { Bounds } from './projections';

/** How closely one looks, and where at: read it, keep it, set it again. */
export interface Zoom {
  /** Map units of one CSS pixel. */
  resolution: number;
  centre: Coordinate;
}

const STEP_MS = 160;

export function calm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

export class Board {
  readonly map: Map;
  #whole: Bounds = [0, 0, 1, 1];
  #padding = 16;
  #moved = false;
  #settling = false;

  /** `target` wants a size and `tabindex=0`: with the focus in it, arrows pan and + and - zoom. */
  constructor(target: HTMLElement) {
    this.map = new Map({
      target,
      controls: [],
      interactions: interactions({ altShiftDragRotate: false, pinchRotate: false }),
      layers: [],
      moveTolerance: 3,
    });
    this.map.on('loadstart', () => target.setAttribute('aria-busy', 'true'));
    this.map.on('loadend', () => target.removeAttribute('aria-busy'));
  }

  get view(): View {
    return this.map.getView();
  }

  /** Whether somebody zoomed or panned since all was shown last. */
  get moved(): boolean {
    return this.#moved;
  }

  /** Begins a new plane: coordinates of another kind, or another picture. Shows all of `whole`.
   *
   * `reach` is how far one can go, times the whole; `finest` and `coarsest` are map units a pixel. */
  begin(projection: Projection, whole: Bounds, { padding = 16, finest = 0, coarsest = 0, reach = 1 } = {}): void {
    const [left, bottom, right, top] = whole;
    const [w, h] = [(right - left) * (reach - 1), (top - bottom) * (reach - 1)];
    this.map.setView(
      new View({
        projection,
        center: getCenter(whole),
        resolution: 1,
        // Beyond `reach` times the whole there is nothing to see.
        extent: reach === Infinity ? undefined : [left - w, bottom - h, right + w, top + h],
        showFullExtent: true,
        constrainOnlyCenter: true,
        constrainResolution: false,
        minResolution: finest || Math.max(right - left, top - bottom) / 50_000,
        maxResolution:
          coarsest || (reach === Infinity ? undefined : (Math.max(right - left, top - bottom) * reach) / 120),
        enableRotation: false,
      }),
    );
    this.#whole = whole;
    this.#padding = padding;
    this.fit();
    this.#watch();
  }

  /** Uses the view of another board, so that both show the same place. */
  follow(other: Board): void {
    if (this.view !== other.view) this.map.setView(other.view);
  }

  #watch(): void {
    const view = this.view;
    view.on(['change:resolution', 'change:center'], () => {
      if (!this.#settling) this.#moved = true;
    });
  }

  /** What `fit` shows from now on; where one looks stays. */
  set whole(bounds: Bounds) {
    this.#whole = bounds;
  }

  /** Shows all. */
  fit(): void {
    const size = this.map.getSize();
    if (!size || !size[0] || !size[1]) this.map.updateSize();
    this.#settle(() => {
      const padding = this.#padding;
      this.view.fit(this.#whole, { size: this.map.getSize(), padding: [padding, padding, padding, padding] });
    });
    this.#moved = false;
  }

  #settle(change: () => void): void {
    this.#settling = true;
    try {
      change();
    } finally {
      this.#settling = false;
    }
  }

  get zoom(): Zoom {
    return { resolution: this.view.getResolution() ?? 1, centre: this.view.getCenter() ?? [0, 0] };
  }

  set zoom(to: Zoom) {
    this.#settle(() => {
      this.view.setResolution(to.resolution);
      this.view.setCenter(to.centre);
    });
    this.#moved = true;
  }

  /** Zooms by a factor around the middle: 2 is closer by half. */
  zoomBy(factor: number): void {
    const resolution = this.view.getConstrainedResolution((this.view.getResolution() ?? 1) / factor);
    this.view.animate({ resolution, duration: calm() ? 0 : STEP_MS });
  }

  /** Pans by CSS pixels. */
  panBy(right: number, down: number): void {
    const { resolution, centre } = this.zoom;
    const to = [centre[0]! + right * resolution, centre[1]! - down * resolution];
    this.view.animate({ center: to, duration: calm() ? 0 : STEP_MS });
  }

  /** Replaces the layers, lowest first. Those that go are not disposed of: they may come again. */
  show(layers: BaseLayer[]): void {
    const present = this.map.getLayers();
    if (present.getLength() === layers.length && layers.every((each, k) => present.item(k) === each)) return;
    present.clear();
    present.extend(layers);
    // What was being loaded for layers that are gone is not waited for.
    if (!layers.length) this.map.getTargetElement()?.removeAttribute('aria-busy');
  }

  dispose(): void {
    this.map.getLayers().clear();
    this.map.setTarget(undefined);
    this.map.dispose();
  }
}
