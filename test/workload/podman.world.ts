import t from "tap";
import { containersComeAndGo } from "./podman-loop.ts";

t.test("podman over CNI: containers on two hosts, and twenty that come and go", (t) =>
  containersComeAndGo(t, 20),
);
