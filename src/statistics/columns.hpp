// Attribute numbers of the extension's tables, as sql/install/ creates them.
#pragma once

namespace people_counter::statistics {

namespace sessions {
enum Column {
    id = 1,
    session_name,
    input_source,
    output_path,
    start_time,
    end_time,
    duration_seconds,
    status,
    fps,
    total_frames,
    resolution_width,
    resolution_height,
    confidence_threshold,
    skip_frames,
    max_disappeared,
    max_distance,
    created_at,
    updated_at,
    time_zone,
    day_start,
    reset_time,
    capacity,
    false_positives,
    false_negatives
};
}

namespace movements {
enum Column {
    session_id = 1,
    movement_time,
    id,
    person_id,
    movement_direction,
    centroid_x,
    centroid_y,
    bounding_box_x1,
    bounding_box_y1,
    bounding_box_x2,
    bounding_box_y2,
    confidence_score,
    frame_number,
    created_at
};
}

namespace metrics {
enum Column {
    session_id = 1,
    timestamp,
    id,
    current_people_count,
    people_entered_last_minute,
    people_exited_last_minute,
    detection_status,
    fps_current,
    cpu_usage_percentage,
    memory_usage_mb,
    processing_latency_ms,
    created_at
};
}

namespace baselines {
enum Column { session_id = 1, baseline_time, people_count, kind, note, created_at };
}

namespace archived_hours {
enum Column {
    session_id = 1,
    hour_timestamp,
    people_entered,
    people_exited,
    level_fall,
    level_rise,
    peak_time,
    occupancy_correction,
    confidence_sum,
    confidence_count,
    last_movement_time,
    detecting_frames,
    tracking_frames,
    waiting_frames,
    reported_peak,
    reported_peak_time,
    last_sample_time,
    source,
    created_at
};
}

namespace session_statistics {
enum Column {
    session_id = 1,
    total_people_entered,
    total_people_exited,
    current_people_inside,
    peak_people_count,
    average_people_count,
    detection_frames,
    tracking_frames,
    waiting_frames,
    total_detections,
    false_positives,
    false_negatives,
    accuracy_percentage,
    created_at,
    updated_at,
    net_people_count,
    exits_absorbed,
    peak_time,
    last_movement_time,
    fold_state
};
}

namespace hourly_statistics {
enum Column {
    session_id = 1,
    hour_timestamp,
    people_entered,
    people_exited,
    peak_people_count,
    average_people_count,
    total_detections,
    detection_accuracy,
    opening_count,
    closing_count,
    low_people_count,
    peak_time,
    occupancy_seconds,
    observed_seconds,
    exits_absorbed,
    counted_peak,
    counted_peak_time,
    reported_peak,
    reported_peak_time,
    confidence_sum,
    confidence_count
};
}

namespace daily_statistics {
enum Column {
    session_id = 1,
    date_timestamp,
    total_people_entered,
    total_people_exited,
    peak_people_count,
    average_people_count,
    total_detections,
    total_session_duration,
    detection_accuracy,
    peak_time,
    occupancy_seconds,
    observed_seconds,
    exits_absorbed,
    confidence_sum,
    confidence_count
};
}

}  // namespace people_counter::statistics
