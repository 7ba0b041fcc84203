import t from "tap";
import { runSlowClients } from "./slow-clients.ts";

t.test("clients that stop to read, for long", (t) => runSlowClients(t, 60));
