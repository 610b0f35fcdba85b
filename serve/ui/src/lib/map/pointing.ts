/** What one points with: a finger needs more room than a mouse. */

import type MapBrowserEvent from 'ol/MapBrowserEvent';

export function fromEvent(event: MapBrowserEvent): 'mouse' | 'touch' {
  const original = event.originalEvent as PointerEvent;
  return original.pointerType === 'touch' || original.pointerType === 'pen' ? 'touch' : 'mouse';
}
