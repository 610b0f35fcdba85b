"""Evidence: pictures kept, masked, stamped and sealed, so that a person can trust what they see."""

from vision.evidence.folder import EvidenceFolder, SealedEvidence
from vision.evidence.manifest import Manifest, read_manifest, verify_evidence

__all__ = ["EvidenceFolder", "Manifest", "SealedEvidence", "read_manifest", "verify_evidence"]
