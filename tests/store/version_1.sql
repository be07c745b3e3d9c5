-- A database of results as version 1 of the tables had it: two records.
BEGIN TRANSACTION;
CREATE TABLE edgecnn_details (
            result_id BIGINT NOT NULL PRIMARY KEY
                REFERENCES edgecnn_results (id) ON DELETE CASCADE,
            record TEXT NOT NULL, samples BLOB NOT NULL);
INSERT INTO "edgecnn_details" VALUES(1,'{"schema_version": 1, "edgecnn_version": "0.1.0", "measured_at": "2026-11-25T04:00:00+00:00", "model": "a/model.tflite", "model_sha256": "abababababababababababababababababababababababababababababababab", "model_bytes": 1000, "scheme": "int8", "input_shape": [1, 4, 4, 3], "input_dtype": "uint8", "device": "desktop", "cpu": "c", "cores": 2, "memory_bytes": 1, "os": "o", "kernel": "k", "architecture": "x86_64", "governor": null, "board": null, "soc": null, "emulated": null, "userland_bits": null, "cpu_max_mhz": null, "cpu_before_mhz": null, "cpu_lowest_mhz": null, "cpu_after_mhz": null, "temperature_before_c": null, "temperature_after_c": null, "throttled_before": null, "throttled_after": null, "system_load_1min": null, "busy_before_percent": null, "memory_available_bytes": null, "swapped_in_pages": null, "runtime": "ai-edge-litert", "runtime_version": "2.3.0", "python": "3.11", "threads": 1, "warmup": 1, "runs": 4, "load_ms": 1.0, "first_inference_ms": 4.0, "latency_p50_ms": 3.05, "latency_p90_ms": 3.2, "latency_p99_ms": 3.2, "latency_mean_ms": 3.05, "latency_std_ms": 0.1, "latency_min_ms": 2.9, "base_rss_bytes": 10, "peak_rss_bytes": 20, "power_idle_w": null, "power_w": null, "energy_per_inference_mj": null, "data": null, "images": null, "images_unreadable": null, "label_offset": null, "top1_percent": null, "top5_percent": null, "seconds": 1.0, "warnings": [{"code": "a", "message": "b", "advice": "c"}]}',X'789C636000010E87B3674080C3C1180CD81D66CD04014E070099A00AB3');
INSERT INTO "edgecnn_details" VALUES(2,'{"schema_version": 1, "edgecnn_version": "0.1.0", "measured_at": "2026-11-25T04:00:00+00:00", "model": "other.tflite", "model_sha256": "abababababababababababababababababababababababababababababababab", "model_bytes": 1000, "scheme": "int8", "input_shape": [1, 4, 4, 3], "input_dtype": "uint8", "device": "desktop", "cpu": "c", "cores": 2, "memory_bytes": 1, "os": "o", "kernel": "k", "architecture": "x86_64", "governor": null, "board": null, "soc": null, "emulated": null, "userland_bits": null, "cpu_max_mhz": null, "cpu_before_mhz": null, "cpu_lowest_mhz": null, "cpu_after_mhz": null, "temperature_before_c": null, "temperature_after_c": null, "throttled_before": null, "throttled_after": null, "system_load_1min": null, "busy_before_percent": null, "memory_available_bytes": null, "swapped_in_pages": null, "runtime": "ai-edge-litert", "runtime_version": "2.3.0", "python": "3.11", "threads": 2, "warmup": 1, "runs": 4, "load_ms": 1.0, "first_inference_ms": 4.0, "latency_p50_ms": 3.05, "latency_p90_ms": 3.2, "latency_p99_ms": 3.2, "latency_mean_ms": 3.05, "latency_std_ms": 0.1, "latency_min_ms": 2.9, "base_rss_bytes": 10, "peak_rss_bytes": 20, "power_idle_w": null, "power_w": null, "energy_per_inference_mj": null, "data": null, "images": null, "images_unreadable": null, "label_offset": null, "top1_percent": null, "top5_percent": null, "seconds": 1.0, "warnings": [{"code": "a", "message": "b", "advice": "c"}]}',X'789C636000010E87B3674080C3C1180CD81D66CD04014E070099A00AB3');
CREATE TABLE edgecnn_results (
            id INTEGER PRIMARY KEY AUTOINCREMENT, uid VARCHAR(32) NOT NULL UNIQUE, measured_at VARCHAR(40) NOT NULL,
            model TEXT NOT NULL, model_sha256 VARCHAR(64) NOT NULL, model_bytes BIGINT NOT NULL,
            scheme VARCHAR(64) NOT NULL, device VARCHAR(255) NOT NULL, threads INTEGER NOT NULL,
            runtime VARCHAR(64) NOT NULL, runtime_version VARCHAR(64) NOT NULL, emulated BOOLEAN,
            latency_p50_ms DOUBLE PRECISION NOT NULL, latency_p90_ms DOUBLE PRECISION NOT NULL,
            peak_rss_bytes BIGINT, data TEXT, top1_percent DOUBLE PRECISION);
INSERT INTO "edgecnn_results" VALUES(1,'00000000000000000000000000000000','2026-11-25T04:00:00+00:00','a/model.tflite','abababababababababababababababababababababababababababababababab',1000,'int8','desktop',1,'ai-edge-litert','2.3.0',NULL,3.05,3.2,20,NULL,NULL);
INSERT INTO "edgecnn_results" VALUES(2,'11111111111111111111111111111111','2026-11-25T04:00:00+00:00','other.tflite','abababababababababababababababababababababababababababababababab',1000,'int8','desktop',2,'ai-edge-litert','2.3.0',NULL,3.05,3.2,20,NULL,NULL);
CREATE TABLE edgecnn_schema (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "edgecnn_schema" VALUES(1);
CREATE INDEX edgecnn_results_model_sha256 ON edgecnn_results (model_sha256, id);
CREATE INDEX edgecnn_results_device ON edgecnn_results (device, id);
CREATE INDEX edgecnn_results_scheme ON edgecnn_results (scheme, id);
CREATE INDEX edgecnn_results_threads ON edgecnn_results (threads, id);
CREATE INDEX edgecnn_results_measured_at ON edgecnn_results (measured_at, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('edgecnn_results',2);
COMMIT;
