import { interopWorld } from "../support/interop-exchange.ts";
import { exabgp } from "../support/interop-makes.ts";

interopWorld("ExaBGP", exabgp);
