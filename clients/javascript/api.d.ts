// What the calls of the API take and answer.
export type SessionStatus = 'active' | 'completed' | 'error' | 'cancelled';
export type MovementDirection = 'in' | 'out';
export type DetectionStatus = 'detecting' | 'tracking' | 'waiting';

/** A time: a Date, or ISO 8601. Without an offset it is meant on the clock of the session's time zone. */
export type Time = Date | string;

export interface SessionOptions {
    /** UUID. Default: a new UUIDv7. */
    id?: string;
    session_name?: string;
    input_source?: string;
    output_path?: string;
    start_time?: Time;
    status?: SessionStatus;
    fps?: number;
    resolution_width?: number;
    resolution_height?: number;
    confidence_threshold?: number;
    skip_frames?: number;
    max_disappeared?: number;
    max_distance?: number;
    time_zone?: string;
    day_start?: string;
    reset_time?: string;
    capacity?: number;
    /** Any other column of a session that a client may set. */
    [column: string]: unknown;
}

export interface SessionChanges {
    session_name?: string;
    output_path?: string;
    end_time?: Time;
    duration_seconds?: number;
    fps?: number;
    total_frames?: number;
    resolution_width?: number;
    resolution_height?: number;
    status?: SessionStatus;
}

export interface SessionUpdated {
    status: 'updated';
    session_id: string;
}

export interface SessionSummary {
    id: string;
    session_name: string;
    status: SessionStatus;
    start_time: string;
    end_time: string | null;
    duration_seconds: number | null;
    fps: number | null;
    total_frames: number | null;
    /** "640x480" */
    resolution: string | null;
}

export interface SessionStatistics {
    total_people_entered: number;
    total_people_exited: number;
    current_people_inside: number;
    peak_people_count: number;
    accuracy_percentage: number | null;
}

export interface Session {
    id: string;
    session_name: string;
    status: SessionStatus;
    input_source: string | null;
    output_path: string | null;
    start_time: string;
    end_time: string | null;
    duration_seconds: number | null;
    fps: number | null;
    total_frames: number | null;
    resolution_width: number | null;
    resolution_height: number | null;
    confidence_threshold: number;
    skip_frames: number;
    max_disappeared: number;
    max_distance: number;
    statistics: SessionStatistics;
    /** The other columns of the session. */
    [column: string]: unknown;
}

export interface Page {
    total: number;
    limit: number;
    offset: number;
}

export interface SessionPage extends Page {
    sessions: SessionSummary[];
}

export interface Movement {
    person_id: number;
    movement_direction: MovementDirection;
    /** Default: the time in the id if that is a UUIDv7, or else now. */
    movement_time?: Time;
    centroid_x?: number | null;
    centroid_y?: number | null;
    bounding_box_x1?: number | null;
    bounding_box_y1?: number | null;
    bounding_box_x2?: number | null;
    bounding_box_y2?: number | null;
    confidence_score?: number | null;
    frame_number?: number | null;
    /** UUID. Default: a new UUIDv7. */
    id?: string;
}

/** A movement as the buffer sends it. */
export interface PreparedMovement extends Movement {
    movement_time: string;
    id: string;
}

export interface MovementRecorded {
    movement_id: string;
    status: 'recorded' | 'duplicate';
}

export interface RowRejected {
    status: 'rejected';
    detail: string;
}

interface BatchCounts {
    count: number;
    recorded: number;
    duplicates: number;
    rejected: number;
}

export interface MovementsRecorded extends BatchCounts {
    /** In the order of the array. */
    results: (MovementRecorded | RowRejected)[];
}

export interface StoredMovement {
    id: string;
    person_id: number;
    movement_direction: MovementDirection;
    movement_time: string;
    centroid: { x: number | null; y: number | null };
    bounding_box: { x1: number | null; y1: number | null; x2: number | null; y2: number | null };
    confidence_score: number | null;
    frame_number: number | null;
}

export interface MovementPage extends Page {
    movements: StoredMovement[];
}

export interface MetricsColumns {
    current_people_count: number;
    people_entered_last_minute: number;
    people_exited_last_minute: number;
    detection_status: DetectionStatus;
    fps_current: number | null;
    cpu_usage_percentage: number | null;
    memory_usage_mb: number | null;
    processing_latency_ms: number | null;
}

export interface MetricsSample extends Partial<MetricsColumns> {
    /** Default: the time in the id if that is a UUIDv7, or else now. */
    timestamp?: Time;
    /** UUID. Default: a new UUIDv7. */
    id?: string;
}

export interface MetricsRecorded {
    metrics_id: string;
    status: 'recorded' | 'duplicate';
}

export interface MetricsBatchRecorded extends BatchCounts {
    results: (MetricsRecorded | RowRejected)[];
}

export interface StoredMetrics extends MetricsColumns {
    timestamp: string;
}

export interface RecentMetrics {
    metrics: StoredMetrics[];
    period_minutes: number;
}

export interface HourlyStatistics {
    session_id: string;
    hour_timestamp: string;
    people_entered: number;
    people_exited: number;
    peak_people_count: number;
    average_people_count: number | null;
    total_detections: number;
    detection_accuracy: number | null;
}

export interface HourlyAnalytics {
    analytics: HourlyStatistics[];
    period_hours: number;
}

export interface DailyStatistics {
    session_id: string;
    date_timestamp: string;
    total_people_entered: number;
    total_people_exited: number;
    peak_people_count: number;
    average_people_count: number | null;
    total_detections: number;
    total_session_duration: number | null;
    detection_accuracy: number | null;
}

export interface DailyAnalytics {
    analytics: DailyStatistics[];
    period_days: number;
}

export interface Dashboard {
    active_sessions: number;
    sessions_today: number;
    people_entered_today: number;
    people_exited_today: number;
    /** Movements of the last hour. */
    recent_movements: number;
    timestamp: string;
}

export interface Health {
    status: string;
    timestamp: string;
}

export interface HealthDetailed extends Health {
    /** Of the server: version, connections, size, pool, host, port. */
    database: Record<string, unknown>;
    [member: string]: unknown;
}

export interface Acknowledgement {
    acknowledged_by?: string;
    note?: string;
}
