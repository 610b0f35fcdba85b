/** Maps and pictures: one set of tools for both.
 *
 * Import this only in what is loaded when it is needed (pages are): the map library is large.
 *
 * - `FrameMap` shows a picture and edits zones and boxes on it (shares of the frame).
 * - `GeoMap` shows layers on a map; `EditShapes` draws on its board; `ShapeTools` shows what can be
 *   done and what is measured, by keyboard too.
 * - `openCog` with `orthoLayer`, `probabilityLayer`, `dsmDifferenceLayer`: rasters by ranges.
 * - `projection('EPSG:4547')` and `localProjection(lon, lat)`: what to look at surveys in. */

export { Board, type Zoom } from './board';
export { Cog, dsmDifferenceLayer, openCog, orthoLayer, probabilityLayer, UnreadableCog, type Datum } from './cog';
export { EditShapes, type EditedShape } from './edit';
export { Frame, type Box, type Share } from './frame';
export { default as FrameMap, type DrawnShape, type FrameShape } from './FrameMap.svelte';
export { default as GeoMap } from './GeoMap.svelte';
export { default as Legend } from './Legend.svelte';
export { measure, type Measures } from './measures';
export { pictureLayer, sizeOf } from './picture';
export { boundsIn, localProjection, lonLat, projection, WGS84, type Bounds } from './projections';
export { changeRamp, HEIGHT_RANGE_M, heightRamp, type Ramp } from './ramps';
export { default as ScaleBar } from './ScaleBar.svelte';
export { fromBox, fromGeoJson, fromShares, toBox, toGeoJson, toShares, type GeoJsonArea, type Shape, type ShapeKind } from './shape';
export { default as ShapeTools } from './ShapeTools.svelte';
export { MARK, MARK_2, pointStyle, shapeStyle, ZONE_COLOURS, type Look } from './styles';
export { default as ZoomButtons } from './ZoomButtons.svelte';
