-- What wrk sends: movements of the sessions in SESSIONS (ids with spaces between them), one after the other.
--
--   KIND=bare   PostgREST's own insert into a table: the session is in the body
--   KIND=api    the URLs of the contract: the session is in the path
--   BATCH=N     N movements a request; 1: an object
--
-- All that differs between requests is made once, in front.

local kind, batch = os.getenv("KIND"), tonumber(os.getenv("BATCH") or "1")
local sessions = {}
for id in string.gmatch(os.getenv("SESSIONS") or "", "%S+") do sessions[#sessions + 1] = id end

local function movement(number, session)
    return string.format('{%s"person_id":%d,"movement_direction":"%s","centroid_x":320.5,"centroid_y":240,'
        .. '"bounding_box_x1":300,"bounding_box_y1":200,"bounding_box_x2":340,"bounding_box_y2":280,'
        .. '"confidence_score":0.95,"frame_number":%d}',
        session and '"session_id":"' .. session .. '",' or "", number, number % 2 == 0 and "in" or "out", number)
end

local requests = {}
local next_request = 0

function init()
    for i, session in ipairs(sessions) do
        local of = kind == "bare" and session or nil
        local rows = {}
        for n = 1, batch do rows[n] = movement(i + n, of) end
        local body = batch == 1 and rows[1] or "[" .. table.concat(rows, ",") .. "]"
        local path = kind == "bare" and "/people_movements" or "/sessions/" .. session .. "/movements"
        requests[i] = wrk.format("POST", path, { ["Content-Type"] = "application/json" }, body)
    end
end

function request()
    next_request = next_request % #requests + 1
    return requests[next_request]
end

-- Rate, requests that did not succeed, and the latency that 99 of 100 kept below, in milliseconds.
function done(summary, latency)
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
    io.write(string.format("RESULT %.2f %d %.2f\n", summary.requests / (summary.duration / 1e6), errors, latency:percentile(99) / 1000))
end
