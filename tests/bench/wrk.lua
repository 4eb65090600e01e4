-- Arguments: method, bytes of request body. Prints one line of JSON that load.py reads.

function init(args)
    wrk.method = args[1] or "GET"
    local upload = tonumber(args[2] or "0")
    if upload > 0 then
        wrk.body = string.rep("x", upload)
        wrk.headers["Content-Type"] = "application/octet-stream"
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'bench-result {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p99_us": %d, ' ..
        '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
        summary.requests, summary.duration, summary.bytes,
        latency:percentile(50), latency:percentile(99),
        errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
