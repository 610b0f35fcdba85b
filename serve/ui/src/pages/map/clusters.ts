/** Marks that would cover each other, put together. */

/** Something that has a place on the map's plane. */
export interface Spot<T> {
  x: number;
  y: number;
  item: T;
}
export interface Cluster<T> {
  x: number;
  y: number;
  items: T[];
}

/** Puts spots together that lie in the same square of a grid, each at the middle of its spots.
 *
 * One pass: ten thousand take a few milliseconds, so that it can be done while time is played. */
export function clustersOf<T>(spots: Spot<T>[], side: number): Cluster<T>[] {
  const squares = new Map<string, Cluster<T>>();
  for (const { x, y, item } of spots) {
    const key = `${Math.floor(x / side)} ${Math.floor(y / side)}`;
    const square = squares.get(key);
    if (square) {
      square.x += x;
      square.y += y;
      square.items.push(item);
    } else {
      squares.set(key, { x, y, items: [item] });
    }
  }
  const clusters = [...squares.values()];
  for (const cluster of clusters) {
    cluster.x /= cluster.items.length;
    cluster.y /= cluster.items.length;
  }
  return clusters;
}
