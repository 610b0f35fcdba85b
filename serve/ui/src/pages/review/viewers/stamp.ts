/** Where the frame ends in a kept picture: below it, the service prints a band of text. */

// As `vision/evidence/overlay.py` makes it.
const BAND_RGB = [16, 20, 26];
const TOLERANCE = 14;
const MOST_LINES = 8;

/** Rows that the band of `lines` lines has below a picture of a width. */
export function bandRows(width: number, lines: number): number {
  const size = Math.floor(Math.min(36, Math.max(12, width / 62)));
  return Math.round(1.45 * size) * lines + 2 * Math.floor(size / 2);
}

/** Share of the picture's height that is the frame itself: all of it where there is no band.
 *
 * The band's left margin holds no text, so that its colour tells how far up it goes. */
export function frameShare(image: HTMLImageElement): number {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const tall = Math.min(height - 1, bandRows(width, MOST_LINES) + 1);
  const canvas = document.createElement('canvas');
  canvas.width = 4;
  canvas.height = tall;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return 1;
  context.drawImage(image, 0, height - tall, 4, tall, 0, 0, 4, tall);
  const { data } = context.getImageData(0, 0, 4, tall);
  const isBand = (row: number) =>
    BAND_RGB.every((value, k) => Math.abs((data[(row * 4 + 1) * 4 + k] ?? 0) - value) <= TOLERANCE);
  let rows = 0;
  while (rows < tall && isBand(tall - 1 - rows)) rows += 1;
  for (let lines = MOST_LINES; lines > 0; lines--) {
    // The picture is compressed: its edge may look like the band for a row or two.
    const band = bandRows(width, lines);
    if (rows >= band - 2) return (height - band) / height;
  }
  return 1;
}
