/** Drawing and editing shapes on a map or a picture: with mouse, finger and keyboard alike. */

import Feature from 'ol/Feature';
import type OlMap from 'ol/Map';
import type MapBrowserEvent from 'ol/MapBrowserEvent';
import { Point, type Geometry } from 'ol/geom';
import Draw, { createBox } from 'ol/interaction/Draw';
import Pointer from 'ol/interaction/Pointer';
import VectorLayer from 'ol/layer/Vector';
import type { Projection } from 'ol/proj';
import VectorSource from 'ol/source/Vector';

import { fromEvent } from './pointing';
import type { Frame } from './frame';
import { measure, type Measures } from './measures';
import {
  copyOf, cornersOf, geometryOf, insertCorner, moveAll, moveCorner, partsOf, removeCorner,
  type Corner, type Shape, type ShapeKind,
} from './shape';
import { handleStyle, MARK, MARK_2, shapeStyle, type Look } from './styles';

export type Space = { projection: Projection } | { frame: Frame };
export interface EditedShape extends Shape, Look {}

export interface EditCalls {
  /** A shape was changed, drawn or put back; also for every step of a drag. */
  onchange?: (shape: EditedShape, measures: Measures) => void;
  /** Another shape was chosen, or none. */
  onselect?: (id: string | null) => void;
  /** Anything that a panel shows changed: corner chosen, what can be undone, drawing or not. */
  onstate?: () => void;
}

const REACH_PX = { mouse: 9, touch: 22 };
const LONG_PRESS_MS = 550;
const MOST_MIDDLES = 80;
const MOST_UNDO = 200;

/** Shapes that can be edited, one of them chosen. Make it once for a map; `set` other shapes. */
export class EditShapes {
  #shapes: EditedShape[] = [];
  #chosen: string | null = null;
  #corner: Corner | null = null;
  #past: EditedShape[][] = [];
  #future: EditedShape[][] = [];
  #source = new VectorSource();
  #handles = new VectorSource();
  #layers = [
    new VectorLayer({ source: this.#source, zIndex: 100 }),
    new VectorLayer({ source: this.#handles, zIndex: 110 }),
  ];
  #pointer: Pointer;
  #draw: Draw | null = null;
  #space: Space | null = null;
  #open = true;
  #drag: { shape: EditedShape; corner: Corner | null; last: number[]; moved: boolean } | null = null;
  #press = 0;
  #stopListening: () => void;

  constructor(
    private readonly map: OlMap,
    private readonly calls: EditCalls = {},
  ) {
    for (const layer of this.#layers) layer.setMap(map);
    this.#pointer = new Pointer({
      handleDownEvent: (event) => this.#down(event),
      handleDragEvent: (event) => this.#dragged(event),
      handleUpEvent: () => this.#up(),
      handleMoveEvent: (event) => this.#hover(event),
      stopDown: (handled) => handled,
    });
    map.addInteraction(this.#pointer);
    const menu = (event: Event) => this.#drag && event.preventDefault();
    const viewport = map.getViewport()!;
    viewport.addEventListener('contextmenu', menu);
    this.#stopListening = () => viewport.removeEventListener('contextmenu', menu);
  }

  /** Begins with other shapes, nothing to undo. `editable` false shows them only. */
  set(shapes: EditedShape[], space: Space, { editable = true, chosen = null as string | null } = {}): void {
    this.cancelDrawing();
    this.#space = space;
    this.#open = editable;
    this.#shapes = shapes.map((each) => ({ ...each, ...copyOf(each) }));
    this.#past = [];
    this.#future = [];
    this.#chosen = chosen;
    this.#corner = null;
    this.#redraw();
    this.calls.onstate?.();
  }

  get shapes(): readonly EditedShape[] {
    return this.#shapes;
  }
  /** Where shapes lie: the frame, or the projection. */
  get space(): Frame | Projection | null {
    if (!this.#space) return null;
    return 'frame' in this.#space ? this.#space.frame : this.#space.projection;
  }
  get open(): boolean {
    return this.#open;
  }
  get chosen(): EditedShape | null {
    return this.#shapes.find((each) => each.id === this.#chosen) ?? null;
  }
  get corner(): Corner | null {
    return this.#corner;
  }
  get drawing(): boolean {
    return this.#draw !== null;
  }
  get canUndo(): boolean {
    return this.#past.length > 0;
  }
  get canRedo(): boolean {
    return this.#future.length > 0;
  }
  /** Whether anything differs from how it began. */
  get changed(): boolean {
    return this.#past.length > 0;
  }

  measures(shape: Shape): Measures {
    if (!this.#space) throw new Error('set shapes first');
    return measure(geometryOf(shape), this.#space);
  }

  select(id: string | null): void {
    if (this.#chosen === id) return;
    this.#chosen = id;
    this.#corner = null;
    this.#redraw();
    this.calls.onselect?.(id);
    this.calls.onstate?.();
  }

  /** Changes how a shape looks: its colour, its label. */
  look(id: string, look: Look): void {
    const shape = this.#shapes.find((each) => each.id === id);
    if (!shape) return;
    Object.assign(shape, look);
    this.#redraw();
  }

  add(shape: EditedShape): void {
    this.#remember();
    this.#shapes = [...this.#shapes, shape];
    this.#chosen = shape.id;
    this.#corner = null;
    this.#told(shape);
    this.calls.onselect?.(shape.id);
  }

  remove(id: string): void {
    if (!this.#shapes.some((each) => each.id === id)) return;
    this.#remember();
    this.#shapes = this.#shapes.filter((each) => each.id !== id);
    if (this.#chosen === id) this.select(null);
    this.#redraw();
    this.calls.onstate?.();
  }

  /** Lets one draw a shape by clicking; it is added when it is done. Escape ends it. */
  draw(kind: ShapeKind, id: string, look: Look = {}): void {
    this.cancelDrawing();
    this.select(null);
    const draw = new Draw({
      type: kind === 'box' ? 'Circle' : kind === 'line' ? 'LineString' : 'Polygon',
      geometryFunction: kind === 'box' ? createBox() : undefined,
      style: shapeStyle({ colour: look.colour ?? MARK, dashed: true }),
      stopClick: true,
    });
    draw.on('drawend', ({ feature }) => {
      const parts = partsOf(feature.getGeometry()!);
      // The click that ends it must not choose something else at once.
      queueMicrotask(() => {
        this.cancelDrawing();
        this.add({ id, kind, parts, ...look });
      });
    });
    this.#draw = draw;
    this.#pointer.setActive(false);
    this.map.addInteraction(draw);
    this.calls.onstate?.();
  }

  cancelDrawing(): void {
    if (!this.#draw) return;
    this.map.removeInteraction(this.#draw);
    this.#draw.dispose();
    this.#draw = null;
    this.#pointer.setActive(true);
    this.calls.onstate?.();
  }

  /** Puts a shape into the middle of what is seen: how one begins without a mouse. */
  place(kind: ShapeKind, id: string, look: Look = {}): void {
    const [left, bottom, right, top] = this.map.getView().calculateExtent(this.map.getSize()) as [number, number, number, number];
    const [w, h] = [(right - left) / 4, (top - bottom) / 4];
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    const corners = kind === 'line'
      ? [[x - w / 2, y], [x + w / 2, y]]
      : [[x - w / 2, y + h / 2], [x + w / 2, y + h / 2], [x + w / 2, y - h / 2], [x - w / 2, y - h / 2]];
    this.cancelDrawing();
    this.add({ id, kind, parts: [[corners]], ...look });
    this.chooseCorner(0);
  }

  /** Chooses a corner of the chosen shape by its number, counted over all rings. */
  chooseCorner(number: number): void {
    const shape = this.chosen;
    const corners = shape ? cornersOf(shape) : [];
    const n = corners.length;
    this.#corner = n ? corners[((number % n) + n) % n]!.at : null;
    this.#redraw();
    this.calls.onstate?.();
  }

  /** Number of the chosen corner, counted over all rings; -1 where none is. */
  get cornerNumber(): number {
    const shape = this.chosen;
    if (!shape || !this.#corner) return -1;
    const wanted = this.#corner.join();
    return cornersOf(shape).findIndex(({ at }) => at.join() === wanted);
  }

  /** Moves the chosen corner, or the whole shape where none is chosen, by CSS pixels. */
  nudge(right: number, down: number): void {
    const shape = this.chosen;
    if (!shape || !this.#open) return;
    const unit = this.map.getView().getResolution() ?? 1;
    this.#remember();
    if (this.#corner) {
      const [p, r, v] = this.#corner;
      const point = shape.parts[p]?.[r]?.[v];
      if (point) moveCorner(shape, this.#corner, [point[0]! + right * unit, point[1]! - down * unit]);
    } else moveAll(shape, right * unit, -down * unit);
    this.#told(shape);
  }

  removeChosenCorner(): void {
    const shape = this.chosen;
    if (shape && this.#corner) this.#takeOut(shape, this.#corner);
  }

  insertAfterChosenCorner(): void {
    const shape = this.chosen;
    if (!shape || !this.#open) return;
    const before = this.#snapshot();
    const made = insertCorner(shape, this.#corner ?? [0, 0, 0]);
    if (!made) return;
    this.#remember(before);
    this.#corner = made;
    this.#told(shape);
  }

  undo(): void {
    this.#turn(this.#past, this.#future);
  }
  redo(): void {
    this.#turn(this.#future, this.#past);
  }

  /** Uses a key where it means something here; tells whether it did. */
  handleKey(event: KeyboardEvent): boolean {
    if (this.#draw && event.key === 'Escape') {
      this.cancelDrawing();
      return true;
    }
    if (!this.#open || !this.#chosen) return false;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === 'z') {
      if (event.shiftKey) this.redo();
      else this.undo();
      return true;
    }
    if (command && event.key.toLowerCase() === 'y') {
      this.redo();
      return true;
    }
    if (command || event.altKey) return false;
    const far = event.shiftKey ? 10 : 1;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.nudge(-far, 0),
      ArrowRight: () => this.nudge(far, 0),
      ArrowUp: () => this.nudge(0, -far),
      ArrowDown: () => this.nudge(0, far),
      '.': () => this.chooseCorner(this.cornerNumber + 1),
      ',': () => this.chooseCorner(this.cornerNumber < 0 ? -1 : this.cornerNumber - 1),
      Insert: () => this.insertAfterChosenCorner(),
      '+': () => this.insertAfterChosenCorner(),
      Delete: () => this.removeChosenCorner(),
      Backspace: () => this.removeChosenCorner(),
    };
    const action = actions[event.key];
    action?.();
    return action !== undefined;
  }

  dispose(): void {
    this.cancelDrawing();
    clearTimeout(this.#press);
    this.#stopListening();
    this.map.removeInteraction(this.#pointer);
    this.#pointer.dispose();
    for (const layer of this.#layers) {
      layer.setMap(null);
      layer.dispose();
    }
  }

  #snapshot(): EditedShape[] {
    return this.#shapes.map((each) => ({ ...each, ...copyOf(each) }));
  }

  #remember(before = this.#snapshot()): void {
    this.#past = [...this.#past.slice(-MOST_UNDO), before];
    this.#future = [];
  }

  #turn(from: EditedShape[][], to: EditedShape[][]): void {
    const next = from.pop();
    if (!next) return;
    to.push(this.#snapshot());
    this.#shapes = next;
    const shape = this.chosen;
    if (!shape) this.#chosen = null;
    if (this.cornerNumber < 0) this.#corner = null;
    this.#redraw();
    for (const each of this.#shapes) this.calls.onchange?.(each, this.measures(each));
    this.calls.onstate?.();
  }

  #takeOut(shape: EditedShape, corner: Corner): void {
    if (!this.#open) return;
    const before = this.#snapshot();
    if (!removeCorner(shape, corner)) return;
    this.#remember(before);
    this.#corner = null;
    this.#told(shape);
  }

  #told(shape: EditedShape): void {
    this.#redraw();
    this.calls.onchange?.(shape, this.measures(shape));
    this.calls.onstate?.();
  }

  #redraw(): void {
    this.#source.clear(true);
    this.#source.addFeatures(
      this.#shapes.map((shape) => {
        const feature = new Feature<Geometry>(geometryOf(shape));
        const chosen = shape.id === this.#chosen;
        feature.setStyle(shapeStyle({ ...shape, colour: shape.colour ?? (chosen ? MARK_2 : MARK) }, chosen));
        feature.setId(shape.id);
        return feature;
      }),
    );
    this.#handles.clear(true);
    const shape = this.chosen;
    if (!shape || !this.#open) return;
    const corners = cornersOf(shape);
    const wanted = this.#corner?.join();
    const points = corners.map(({ at, point }) => {
      const feature = new Feature(new Point(point));
      feature.setStyle(handleStyle(at.join() === wanted ? 'chosen' : 'corner'));
      return feature;
    });
    if (corners.length <= MOST_MIDDLES) {
      for (const { point } of this.#middles(shape)) {
        const feature = new Feature(new Point(point));
        feature.setStyle(handleStyle('middle'));
        points.push(feature);
      }
    }
    this.#handles.addFeatures(points);
  }

  #middles(shape: Shape): { after: Corner; point: number[] }[] {
    if (shape.kind === 'box') return [];
    return shape.parts.flatMap((part, p) =>
      part.flatMap((ring, r) =>
        ring.slice(0, shape.kind === 'line' ? -1 : undefined).map((point, v) => {
          const next = ring[(v + 1) % ring.length]!;
          return {
            after: [p, r, v] as Corner,
            point: [(point[0]! + next[0]!) / 2, (point[1]! + next[1]!) / 2],
          };
        }),
      ),
    );
  }

  #nearest<T extends { point: number[] }>(all: T[], event: MapBrowserEvent): T | null {
    const reach = REACH_PX[fromEvent(event)];
    let best: T | null = null;
    let least = reach;
    for (const each of all) {
      const [x, y] = this.map.getPixelFromCoordinate(each.point) ?? [Infinity, Infinity];
      const far = Math.hypot(x! - event.pixel[0]!, y! - event.pixel[1]!);
      if (far < least) [best, least] = [each, far];
    }
    return best;
  }

  #at(event: MapBrowserEvent): EditedShape | null {
    const chosen = this.chosen;
    const over = (shape: EditedShape) => {
      const geometry = geometryOf(shape);
      if (geometry.intersectsCoordinate(event.coordinate)) return true;
      const near = geometry.getClosestPoint(event.coordinate);
      const pixel = this.map.getPixelFromCoordinate(near);
      return Math.hypot(pixel[0]! - event.pixel[0]!, pixel[1]! - event.pixel[1]!) < REACH_PX[fromEvent(event)];
    };
    if (chosen && over(chosen)) return chosen;
    return [...this.#shapes].reverse().find(over) ?? null;
  }

  #down(event: MapBrowserEvent): boolean {
    const original = event.originalEvent as PointerEvent;
    if (!this.#open || original.button > 0) return false;
    const shape = this.chosen;
    if (shape) {
      const corner = this.#nearest(cornersOf(shape), event);
      if (corner && original.altKey) {
        this.#takeOut(shape, corner.at);
        return true;
      }
      if (corner) {
        this.#corner = corner.at;
        this.#begin(shape, corner.at, event);
        this.#press = window.setTimeout(() => {
          if (this.#drag && !this.#drag.moved) {
            this.#drag = null;
            this.#takeOut(shape, corner.at);
          }
        }, LONG_PRESS_MS);
        return true;
      }
      const few = cornersOf(shape).length <= MOST_MIDDLES;
      const middle = few ? this.#nearest(this.#middles(shape), event) : null;
      if (middle) {
        const before = this.#snapshot();
        const made = insertCorner(shape, middle.after, [...event.coordinate]);
        if (made) {
          this.#remember(before);
          this.#corner = made;
          this.#drag = { shape, corner: made, last: event.coordinate, moved: true };
          this.#told(shape);
          return true;
        }
      }
    }
    const found = this.#at(event);
    if (!found) return false;
    if (found.id !== this.#chosen) {
      this.select(found.id);
      return true;
    }
    this.#corner = null;
    this.#begin(found, null, event);
    return true;
  }

  #begin(shape: EditedShape, corner: Corner | null, event: MapBrowserEvent): void {
    this.#drag = { shape, corner, last: event.coordinate, moved: false };
    this.#redraw();
    this.calls.onstate?.();
  }

  #dragged(event: MapBrowserEvent): void {
    const drag = this.#drag;
    if (!drag) return;
    if (!drag.moved) {
      this.#remember();
      drag.moved = true;
      clearTimeout(this.#press);
    }
    if (drag.corner) moveCorner(drag.shape, drag.corner, event.coordinate);
    else moveAll(drag.shape, event.coordinate[0]! - drag.last[0]!, event.coordinate[1]! - drag.last[1]!);
    drag.last = event.coordinate;
    this.#told(drag.shape);
  }

  #up(): boolean {
    clearTimeout(this.#press);
    this.#drag = null;
    return false;
  }

  #hover(event: MapBrowserEvent): void {
    const viewport = this.map.getViewport()!;
    let cursor = '';
    if (this.#open) {
      const shape = this.chosen;
      if (shape && this.#nearest([...cornersOf(shape), ...this.#middles(shape)], event)) cursor = 'grab';
      else if (this.#at(event)) cursor = shape && this.#at(event) === shape ? 'move' : 'pointer';
    }
    viewport.style.cursor = cursor;
  }
}
