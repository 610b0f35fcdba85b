/** Layers that are drawn only right of a line: what comes after, over what was before. */

import type BaseLayer from 'ol/layer/Base';
import type Layer from 'ol/layer/Layer';
import { unByKey } from 'ol/Observable';
import type { EventsKey } from 'ol/events';
import { getRenderPixel } from 'ol/render';
import type RenderEvent from 'ol/render/Event';

/** Has a layer drawn only right of `share()` of the map's width; everywhere where that is none.
 * Returns what ends it. */
export function clipLeft(layer: BaseLayer, width: () => number, share: () => number | null): () => void {
  let clipped = false;
  const before = (event: RenderEvent) => {
    const at = share();
    const context = event.context as CanvasRenderingContext2D;
    clipped = at !== null;
    if (at === null) return;
    const [x] = getRenderPixel(event, [width() * at, 0]);
    context.save();
    context.beginPath();
    context.rect(x!, 0, context.canvas.width - x!, context.canvas.height);
    context.clip();
  };
  const after = (event: RenderEvent) => {
    if (clipped) (event.context as CanvasRenderingContext2D).restore();
  };
  const drawn = layer as Layer;
  const keys = [drawn.on('prerender', before), drawn.on('postrender', after)] as EventsKey[];
  return () => unByKey(keys);
}
