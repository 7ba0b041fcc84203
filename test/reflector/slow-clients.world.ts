import t from "tap";
import { runSlowClients } from "./slow-clients.ts";

t.test("clients that stop to read", (t) => runSlowClients(t, 12));
