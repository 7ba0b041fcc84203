import t from "tap";
import { containersComeAndGo } from "./podman-loop.ts";

t.test("podman over CNI: two hundred containers leave no address, interface, route or file", (t) =>
  containersComeAndGo(t, 200),
);
