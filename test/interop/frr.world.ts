import { interopWorld } from "../support/interop-exchange.ts";
import { frr } from "../support/interop-makes.ts";

interopWorld("FRR", frr);
