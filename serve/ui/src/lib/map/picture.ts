/** A picture as a layer of a map. */

import ImageLayer from 'ol/layer/Image';
import type { Projection } from 'ol/proj';
import ImageStatic from 'ol/source/ImageStatic';

import type { Bounds } from './projections';

/** A picture that lies on `bounds`. `url` may be an object URL: what is decoded already is drawn in
 * the next frame. */
export function pictureLayer(
  url: string,
  bounds: Bounds,
  on: Projection,
  { zIndex, opacity = 1, crisp = false }: { zIndex?: number; opacity?: number; crisp?: boolean } = {},
): ImageLayer<ImageStatic> {
  const source = new ImageStatic({ url, imageExtent: bounds, projection: on, interpolate: !crisp });
  return new ImageLayer({ source, zIndex, opacity });
}

/** Width and height of a picture. Throws where it cannot be loaded. */
export async function sizeOf(url: string): Promise<[width: number, height: number]> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}
