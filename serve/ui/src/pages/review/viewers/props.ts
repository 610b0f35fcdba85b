/** What a viewer of a finding is given. */

import type { EvidenceStore } from './evidence';
import type { Edit, Finding } from './finding';

export interface ViewerProps {
  finding: Finding;
  store: EvidenceStore;
  /** What was drawn; one that is given is shown, and goes on. */
  edit?: Edit | null;
  editable?: boolean;
  /** The finding's first picture is on the screen. */
  onshown?: (findingId: string) => void;
}
