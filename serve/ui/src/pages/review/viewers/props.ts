/** What a viewer of a finding is given. */

import type { EvidenceStore } from './evidence';
import type { Edit, Finding } from './finding';

export interface ViewerProps {
  finding: Finding;
  store: EvidenceStore;
  /** What was drawn; shown in the place of what was found. */
  edit?: Edit | null;
  /** Whether this reviewer may change it. */
  editable?: boolean;
  /** Whether it is being changed; from when its pictures are there. */
  editing?: boolean;
  /** The finding's first picture is on the screen. */
  onshown?: (findingId: string) => void;
}
