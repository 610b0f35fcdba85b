"""Case drafts: what they say, how they are posted, what comes back."""
