/** Two layers on either side of a line: what was before left of it, what came after right of it. */

import type BaseLayer from 'ol/layer/Base';
import type Layer from 'ol/layer/Layer';
import { unByKey } from 'ol/Observable';
import type { EventsKey } from 'ol/events';
import { getRenderPixel } from 'ol/render';
import type RenderEvent from 'ol/render/Event';

/** Has a layer drawn only on one side of `share()` of the map's width; everywhere where that is none.
 * Returns what ends it. */
export function clipTo(
  side: 'left' | 'right', layer: BaseLayer, width: () => number, share: () => number | null,
): () => void {
  let clipped = false;
  const before = (event: RenderEvent) => {
    const at = share();
    const context = event.context as CanvasRenderingContext2D;
    clipped = at !== null;
    if (at === null) return;
    const [x] = getRenderPixel(event, [width() * at, 0]);
    const all = context.canvas;
    context.save();
    context.beginPath();
    if (side === 'right') context.rect(x!, 0, all.width - x!, all.height);
    else context.rect(0, 0, x!, all.height);
    context.clip();
  };
  const after = (event: RenderEvent) => {
    if (clipped) (event.context as CanvasRenderingContext2D).restore();
  };
  const drawn = layer as Layer;
  const keys = [drawn.on('prerender', before), drawn.on('postrender', after)] as EventsKey[];
  return () => unByKey(keys);
}
