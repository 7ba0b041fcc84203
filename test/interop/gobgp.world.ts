import { interopWorld } from "../support/interop-exchange.ts";
import { gobgp } from "../support/interop-makes.ts";

interopWorld("GoBGP", gobgp);
