import t from "tap";
import { runHistories } from "../src/ipam/run-histories.ts";

const HISTORIES = Number(process.env["HISTORIES"] ?? 1000);

t.test(
  "thousands of histories of several allocators, with crashes between any two calls",
  async (t) => {
    await runHistories(t, { histories: HISTORIES, withCalico: false });
  },
);

t.test("the same beside clients that need several writes for one step, as Calico's", async (t) => {
  await runHistories(t, { histories: HISTORIES, withCalico: true });
});
