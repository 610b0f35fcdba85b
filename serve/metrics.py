"""All figures that the service gives to Prometheus, by name.

Counters and durations grow in the process where the thing happened. What can be counted in the
database (queues, findings, cameras) is counted there when somebody asks, so that any one process
answers for all.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_QUICK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG_S = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600)

# HTTP
REQUESTS = Counter("cityeye_http_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_S = Histogram(
    "cityeye_http_request_seconds",
    "Time until a request was answered.",
    ["method", "route"],
    buckets=_QUICK_S,
)

# People
LOGINS = Counter("cityeye_logins", "Logins: ok, wrong, limited.", ["outcome"])

# Surveys
UPLOADED_BYTES = Counter("cityeye_uploaded_bytes", "Bytes taken in by uploads.")
SURVEYS = Counter("cityeye_surveys", "Surveys checked: ready, refused, failed.", ["outcome"])
COMPARISONS = Counter("cityeye_comparisons", "Comparisons: done, failed, cancelled.", ["outcome"])
COMPARISON_S = Histogram(
    "cityeye_comparison_seconds", "Time that a comparison took.", buckets=_LONG_S
)

# Cameras
CAMERA_EVENTS = Counter("cityeye_camera_events", "Faults and recoveries of cameras.", ["kind"])
CAMERA_MOVES = Counter("cityeye_camera_moves", "Cameras that this worker began to watch.")
PUBLISHED = Counter("cityeye_mqtt_messages", "MQTT messages: sent, failed.", ["outcome"])

# Findings and reviews
FINDINGS_TAKEN = Counter(
    "cityeye_findings_taken", "Findings taken in: new, joined, again.", ["kind", "outcome"]
)
REVIEWS = Counter("cityeye_reviews", "What reviewers did.", ["action"])
EXPORTS = Counter("cityeye_exports", "Training sets: done, failed.", ["form", "outcome"])

# Cases
DELIVERIES = Counter(
    "cityeye_deliveries",
    "Attempts to deliver: delivered, retried, dead, held_back.",
    ["target", "outcome"],
)
DELIVERY_S = Histogram(
    "cityeye_delivery_seconds",
    "Time that the case system took to answer.",
    ["target"],
    buckets=_QUICK_S,
)
CALLBACKS = Counter(
    "cityeye_case_callbacks", "Status of cases: taken, again, refused.", ["target", "outcome"]
)

# Retention
DELETED = Counter("cityeye_deleted", "Things deleted because their time was over.", ["what"])

# Counted in the database at the time of asking
OUTBOX = Gauge("cityeye_outbox_entries", "Messages for case systems, by state.", ["state"])
DEAD_LETTERS = Gauge("cityeye_dead_letters", "Messages that were given up.", ["target"])
FINDINGS = Gauge("cityeye_findings", "Findings, by state.", ["state"])
CAMERAS = Gauge("cityeye_cameras", "Enabled cameras, by health.", ["health"])
WORKERS_ALIVE = Gauge("cityeye_workers_alive", "Worker processes heard of lately.")
QUEUE_DEPTH = Gauge(
    "cityeye_queue_workflows",
    "Workflows that wait, run or were given up, by queue.",
    ["queue", "state"],
)
LEDGER_ENTRIES = Gauge("cityeye_ledger_entries", "Entries of the ledger.")
