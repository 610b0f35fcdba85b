/** A thing's state in words, whatever kind of thing it is. */

import { caseState, findingState, kindName } from '../../lib/words';
import { healthName } from '../cameras/words';
import { colourName } from '../dashboard/words';
import type { Item } from './items';

export function stateOf(item: Pick<Item, 'layer' | 'state'>): string {
  if (item.layer === 'findings') return findingState(item.state);
  if (item.layer === 'cases') return caseState(item.state);
  if (item.layer === 'cameras') return healthName(item.state);
  return item.layer === 'grid' ? colourName(item.state) : '';
}

/** Kind and state, as far as the thing has them. */
export function wordsOf(item: Item): string {
  return [item.kind ? kindName(item.kind) : '', stateOf(item)].filter(Boolean).join(' · ');
}
