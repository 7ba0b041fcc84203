import { interopWorld } from "../support/interop-exchange.ts";
import { bird } from "../support/interop-makes.ts";

interopWorld("BIRD 2", bird);
