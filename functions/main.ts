// The entry of the bundle. Each function registers itself; none of them fails while it is loaded, so that the host
// always finds them all.
import "./telemetry.ts";
import "./api.ts";
import "./background.ts";
import "./consent.ts";
import "./health.ts";
import "./pages.ts";
import "./session.ts";
