import { interopWorld } from "../support/interop-exchange.ts";
import { openbgpd } from "../support/interop-makes.ts";

interopWorld("OpenBGPD", openbgpd);
