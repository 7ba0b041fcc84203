#!/usr/bin/env python3
"""bench.py - run bgpblast scenarios against BGP daemons and print medians and ratios.

  bench.py list                                   scenarios and built-in DUTs
  bench.py run -s d_mesh100,f1_500k -d bird,frr,gobgp,openbgpd,floor -k 3 [-o results.jsonl]
  bench.py run -s d_mesh100 --spec ours.json -d ours,bird -k 5
  bench.py table results.jsonl [--wide] [--max-foreign 0.6]
  bench.py floors [-k 5]                          kernel route install floor (ip -batch, batched netlink), loopback TCP, memcpy

Every run: two fresh network namespaces joined by a veth pair (DUT 198.18.0.1, generator 198.18.1.0 + i), a freshly
started DUT, one bgpblast, everything ended by pid afterwards and the namespaces deleted.  DUTs alternate inside each
repetition and the order rotates.  Needs root, iproute2, gcc.

A DUT of your own (--spec FILE.json):
  {"name": "ours",
   "cmd": ["node", "/path/dist/main.js", "--config", "{dir}/conf.json"],
   "files": {"conf.json": "template text"},            # or "@path/to/template"
   "sidecars": [["cmd", ...]],                          # optional, started first, stopped last, counted as DUT CPU/RSS
   "pre": "shell run in the DUT namespace first",       # optional
   "env": {"NODE_ENV": "production"},                   # optional
   "supports": ["rr", "ebgp", "kernel"],                # default: rr, ebgp
   "quirks": {"expect_ebgp": "ebgp"}}                   # optional: "rs" for a transparent route server, "none" to skip checks
cmd, pre: {dir} = run directory, {addr} {port} {as} {rid} {cluster_id} {hold} are replaced.
files: a small mustache: {{addr}} {{port}} {{as}} {{rid}} {{cluster_id}} {{hold}} {{keepalive}} {{dir}} {{dev}}; {{#rr}}..{{/rr}} {{#ebgp}}..{{/ebgp}}
{{#kernel}}..{{/kernel}} {{#v4}} {{#v6}} conditional blocks, {{^x}}..{{/x}} their negation; {{#peers}}..{{/peers}} repeats with {{peer}} (address),
{{peer_as}}, {{i}}, {{comma}} ("," except for the last, for JSON).  The DUT must listen on {addr}:{port}; the generator connects.
In rr mode all peers are iBGP clients (as == peer_as); in ebgp mode peer i has AS 64600 + i and the DUT must accept and
export everything (no policy), AS_PATH prepended, next hop self or unchanged.  In kernel mode it must install learned
routes in the main table of its namespace.
"""
import argparse, ctypes, json, os, re, shutil, signal, statistics, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = os.environ.get('FULLTABLE', os.path.join(HERE, 'full.txt.gz'))
libc = ctypes.CDLL(None, use_errno=True)
CLK = os.sysconf('SC_CLK_TCK')

# ----------------------------------------------------------------------------- DUTs
BIRD = {'name': 'bird', 'supports': ['rr', 'ebgp', 'kernel'], 'cmd': ['/usr/sbin/bird', '-f', '-c', '{dir}/bird.conf', '-s', '{dir}/bird.ctl', '-P', '{dir}/bird.pid'],
 'files': {'bird.conf': '''router id {{rid}};
log "{{dir}}/bird.log" { warning, error, auth, fatal, bug };
protocol device { }
protocol direct { ipv4; ipv6; interface "{{dev}}"; }
{{#kernel}}protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
{{/kernel}}template bgp T {
  local {{addr}} port {{port}} as {{as}}; passive yes; hold time {{hold}};
  {{#rr}}rr client; rr cluster id {{cluster_id}};{{/rr}}
  {{#v4}}ipv4 { import all; export where source = RTS_BGP; };{{/v4}}
  {{#v6}}ipv6 { import all; export where source = RTS_BGP; };{{/v6}}
}
{{#peers}}protocol bgp p{{i}} from T { neighbor {{peer}} as {{peer_as}}; }
{{/peers}}'''}}

FRR_CONF = '''frr defaults traditional
hostname bench
log file {{dir}}/bgpd.log warnings
router bgp {{as}}
 bgp router-id {{rid}}
 {{#rr}}bgp cluster-id {{cluster_id}}{{/rr}}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor C peer-group
 {{#rr}}neighbor C remote-as {{as}}{{/rr}}
 neighbor C passive
 neighbor C timers {{keepalive}} {{hold}}
{{#peers}}{{#ebgp}} neighbor {{peer}} remote-as {{peer_as}}
{{/ebgp}} neighbor {{peer}} peer-group C
{{/peers}} address-family ipv4 unicast
  neighbor C activate
  {{#rr}}neighbor C route-reflector-client{{/rr}}
 exit-address-family
{{#v6}} address-family ipv6 unicast
  neighbor C activate
  {{#rr}}neighbor C route-reflector-client{{/rr}}
 exit-address-family
{{/v6}}'''
FRR = {'name': 'frr', 'supports': ['rr', 'ebgp'], 'pre': 'touch {dir}/bgpd.log {dir}/zebra.log; chmod 777 {dir} {dir}/*',
 'cmd': ['/usr/lib/frr/bgpd', '-f', '{dir}/bgpd.conf', '-i', '{dir}/bgpd.pid', '-n', '-Z', '-S', '-A', '127.0.0.1', '-P', '0', '--vty_socket', '{dir}', '-z', '{dir}/zserv.api'],
 'files': {'bgpd.conf': FRR_CONF}}
FRRZ = {'name': 'frr+zebra', 'supports': ['kernel', 'rr', 'ebgp'], 'pre': FRR['pre'],
 'sidecars': [['/usr/lib/frr/zebra', '-f', '{dir}/zebra.conf', '-i', '{dir}/zebra.pid', '-A', '127.0.0.1', '-P', '0', '--vty_socket', '{dir}', '-z', '{dir}/zserv.api', '-s', '90000000']],
 'sidecar_wait': 1.0,
 'cmd': ['/usr/lib/frr/bgpd', '-f', '{dir}/bgpd.conf', '-i', '{dir}/bgpd.pid', '-S', '-A', '127.0.0.1', '-P', '0', '--vty_socket', '{dir}', '-z', '{dir}/zserv.api'],
 'files': {'bgpd.conf': FRR_CONF, 'zebra.conf': 'frr defaults traditional\nhostname bench\nlog file {{dir}}/zebra.log warnings\n'}}
GOBGP_CONF = '''[global.config]
  as = {{as}}
  router-id = "{{rid}}"
  port = {{port}}
  local-address-list = ["{{addr}}"]
{{#kernel}}[zebra]
  [zebra.config]
    enabled = true
    url = "unix:{{dir}}/zserv.api"
    version = 6
    software-name = "frr8.2"
{{/kernel}}{{#peers}}[[neighbors]]
  [neighbors.config]
    neighbor-address = "{{peer}}"
    peer-as = {{peer_as}}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "{{addr}}"
  [neighbors.timers.config]
    hold-time = {{hold}}
    keepalive-interval = {{keepalive}}
{{#rr}}  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "{{cluster_id}}"
{{/rr}}  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "{{#v4}}ipv4-unicast{{/v4}}{{#v6}}ipv6-unicast{{/v6}}"
{{/peers}}'''
GOBGP = {'name': 'gobgp', 'supports': ['rr', 'ebgp'], 'cmd': ['/usr/bin/gobgpd', '-f', '{dir}/gobgpd.toml', '-l', 'warn', '-p', '--pprof-disable', '--api-hosts', '127.0.0.1:50051'], 'files': {'gobgpd.toml': GOBGP_CONF}}
GOBGPZ = {'name': 'gobgp+zebra', 'supports': ['kernel'], 'pre': FRR['pre'], 'sidecars': FRRZ['sidecars'], 'sidecar_wait': 1.0, 'cmd': GOBGP['cmd'], 'files': {'gobgpd.toml': GOBGP_CONF, 'zebra.conf': FRRZ['files']['zebra.conf']}}
OPENBGPD = {'name': 'openbgpd', 'supports': ['rr', 'ebgp'], 'pre': 'mkdir -p /run/openbgpd; chmod 755 {dir}; chmod 600 {dir}/bgpd.conf', 'cmd': ['/usr/sbin/bgpd', '-d', '-f', '{dir}/bgpd.conf'], 'files': {'bgpd.conf': '''AS {{as}}
router-id {{rid}}
holdtime {{hold}}
listen on {{addr}} port {{port}}
socket "{{dir}}/bgpd.sock"
fib-update no
{{#rr}}group "clients" {
  remote-as {{as}}
  passive
  route-reflector {{cluster_id}}
  announce IPv4 {{#v4}}unicast{{/v4}}{{^v4}}none{{/v4}}
  announce IPv6 {{#v6}}unicast{{/v6}}{{^v6}}none{{/v6}}
{{#peers}}  neighbor {{peer}}
{{/peers}}}
{{/rr}}{{#ebgp}}group "peers" {
  passive
  announce IPv4 {{#v4}}unicast{{/v4}}{{^v4}}none{{/v4}}
  announce IPv6 {{#v6}}unicast{{/v6}}{{^v6}}none{{/v6}}
{{#peers}}  neighbor {{peer}} {
    remote-as {{peer_as}}
  }
{{/peers}}}
{{/ebgp}}allow from any
allow to any
'''}}
FLOOR = {'name': 'floor', 'supports': ['rr', 'ebgp'], 'cmd': [HERE + '/bgpfloor', '--addr', '{addr}', '--as', '{as}', '--port', '{port}', '{ebgpflag}'], 'files': {}, 'no_hold_test': True}
NODEFLOOR = {'name': 'nodefloor', 'supports': ['rr'], 'cmd': ['node', HERE + '/nodefloor.js', '{addr}', '{as}', '{port}'], 'files': {}, 'no_hold_test': True}
DUTS = {d['name']: d for d in (BIRD, FRR, FRRZ, GOBGP, GOBGPZ, OPENBGPD, FLOOR, NODEFLOOR)}

# ----------------------------------------------------------------------------- scenarios
def S(desc, mode='rr', timeout=120, **kw): return dict(desc=desc, mode=mode, timeout=timeout, args=kw)
SCN = {
 'a_hosts200': S('(a) RR, 200 clients, each announces its own 64 /32s to all others (12.8k routes, 2.5M adverts)', sessions=200, senders=200, receivers=200, prefixes=12800, per_host=64, flap=300),
 'a_feed100k': S('(a) RR, 1 feeder with 100k /32 (64 per next hop), 10 clients', sessions=12, senders=1, receivers=11, late=1, prefixes=100000, flap=1000),
 'b_ebgp10': S('(b) eBGP router, 10 peers, each sends 1/10 of a 200k full-table sample and receives the other 180k', mode='ebgp', sessions=11, senders=10, receivers=11, late=1, mode_='fulltable', prefixes=200000, flap=300),
 'b_ebgp2x': S('(b) eBGP router, 2 full feeds of the same 500k routes (best path), 5 receivers', mode='ebgp', timeout=200, sessions=8, senders=2, receivers=6, late=1, overlap=True, mode_='fulltable', prefixes=500000),
 'd_mesh100': S('(d) RR, 100 clients x 100 /32 each to all others (10k routes, 990k adverts)', sessions=100, senders=100, receivers=100, prefixes=10000, per_host=100, flap=300),
 'e_mesh500': S('(e) RR, 500 clients x 20 /32 each (10k routes, 4.99M adverts)', sessions=500, senders=500, receivers=500, prefixes=10000, per_host=20, flap=100, timeout=200),
 'f1_500k': S('(f) RR, full table 500k, 1 receiver', sessions=2, senders=1, receivers=1, mode_='fulltable', prefixes=500000, timeout=200),
 'f10_500k': S('(f) RR, full table 500k, 10 receivers (+1 late joiner)', sessions=12, senders=1, receivers=11, late=1, mode_='fulltable', prefixes=500000, timeout=240),
 'f50_500k': S('(f) RR, full table 500k, 50 receivers', sessions=51, senders=1, receivers=50, mode_='fulltable', prefixes=500000, timeout=300),
 'f1_full': S('(f) RR, whole full table, 1 receiver', sessions=2, senders=1, receivers=1, mode_='fulltable', prefixes=0, timeout=300),
 'f10_full': S('(f) RR, whole full table, 10 receivers (+1 late joiner)', sessions=12, senders=1, receivers=11, late=1, mode_='fulltable', prefixes=0, timeout=300),
 'f50_full': S('(f) RR, whole full table, 50 receivers', sessions=51, senders=1, receivers=50, mode_='fulltable', prefixes=0, timeout=400),
 'f1_full6': S('(f) RR, the IPv6 half of the full table, 1 receiver', sessions=2, senders=1, receivers=1, mode_='fulltable', prefixes=0, family=6, timeout=200),
 'f10_full6': S('(f) RR, the IPv6 half of the full table, 10 receivers (+1 late joiner)', sessions=12, senders=1, receivers=11, late=1, mode_='fulltable', prefixes=0, family=6, flap=300, timeout=200),
 'a_feed100k6': S('(a) RR, 1 feeder with 100k /128 (64 per next hop), 10 clients', sessions=12, senders=1, receivers=11, late=1, prefixes=100000, family=6, flap=300),
 'd_mesh100_6': S('(d) RR, 100 clients x 100 /128 each to all others', sessions=100, senders=100, receivers=100, prefixes=10000, per_host=100, family=6, flap=300),
 'g_up200': S('(g) bring-up, 200 sessions at once', sessions=200, senders=0, receivers=0, window=0),
 'g_up500': S('(g) bring-up, 500 sessions at once', sessions=500, senders=0, receivers=0, window=0),
 'c_kern10k': S('(c) kernel sync, 10k /32', mode='rr', kernel=True, sessions=1, senders=1, receivers=0, prefixes=10000),
 'c_kern100k': S('(c) kernel sync, 100k /32', mode='rr', kernel=True, sessions=1, senders=1, receivers=0, prefixes=100000, timeout=180),
 'h_live': S('(h) liveness: 20 clients, hold 9 s, 100k routes, 12 s idle, then session 0 falls silent', sessions=20, senders=20, receivers=20, prefixes=100000, hold=9, idle=12, hold_test=True, withdraw_=False),
 'p_up200': S('(g) bring-up, 200 sessions, 16 connects in flight', sessions=200, senders=0, receivers=0, window=16),
 'p_up500': S('(g) bring-up, 500 sessions, 16 connects in flight', sessions=500, senders=0, receivers=0, window=16),
 'p1_up500': S('(g) bring-up, 500 sessions, 4 connects in flight', sessions=500, senders=0, receivers=0, window=4),
 'smoke': S('quick smoke: 10 clients x 100', sessions=11, senders=10, receivers=11, late=1, prefixes=1000, per_host=100, flap=50),
 'smoke_ebgp': S('quick smoke eBGP', mode='ebgp', sessions=6, senders=5, receivers=6, late=1, mode_='synthetic', prefixes=5000, flap=50),
 'smoke6': S('quick smoke IPv6 (needs a v6-configured DUT)', sessions=11, senders=10, receivers=11, late=1, prefixes=1000, per_host=100, flap=50, family=6),
}
for k, s in SCN.items(): s['kernel'] = bool(s['args'].pop('kernel', False)); s['name'] = k

# ----------------------------------------------------------------------------- plumbing
def render(t, v, peers):
    def block(text, env):
        def sub(m):
            neg, key, body = m.group(1) == '^', m.group(2), m.group(3)
            if key == 'peers': return ''.join(block(body, {**env, **p}) for p in peers)
            return block(body, env) if bool(env.get(key)) != neg else ''
        prev = None
        while prev != text: prev = text; text = re.sub(r'\{\{([#^])(\w+)\}\}(.*?)\{\{/\2\}\}', sub, text, flags=re.S)
        return re.sub(r'\{\{(\w+)\}\}', lambda m: str(env[m.group(1)]), text)
    return block(t, v)
def sh(*a, **k): return subprocess.run(a, check=True, stdout=subprocess.DEVNULL, **k)
def netns_up(p, n):
    sh(HERE + '/nsup.sh', p, str(n))
def netns_down(p):
    for x in ('-dut', '-gen'): subprocess.run(['ip', 'netns', 'del', p + x], stderr=subprocess.DEVNULL)
def children(root):
    pp = {}
    for d in os.listdir('/proc'):
        if d.isdigit():
            try: pp[int(d)] = int(open(f'/proc/{d}/stat').read().rsplit(')', 1)[1].split()[1])
            except (OSError, IndexError): pass
    out = [root]; i = 0
    while i < len(out): out += [k for k, v in pp.items() if v == out[i] and k not in out]; i += 1
    return out
def rss_kb(pids):
    t = 0
    for p in pids:
        try: t += int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{p}/status').read()).group(1))
        except (OSError, AttributeError): pass
    return t
def hwm_kb(p):
    try: return int(re.search(r'VmHWM:\s+(\d+)', open(f'/proc/{p}/status').read()).group(1))
    except (OSError, AttributeError): return 0
def cpu_s(pids):
    t = 0
    for p in pids:
        try: f = open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split(); t += (int(f[11]) + int(f[12])) / CLK
        except (OSError, IndexError): pass
    return t
def stop(proc, pids):
    for sig, wait in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        for p in [proc.pid] + [x for x in pids if x != proc.pid]:
            try: os.kill(p, sig)
            except ProcessLookupError: pass
        try: proc.wait(wait)
        except subprocess.TimeoutExpired: continue
        left = [p for p in pids if p != proc.pid and os.path.exists(f'/proc/{p}') and open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z']
        if not left: return
        time.sleep(0.3)
def listening(pid, addr, port):
    a = '%02X%02X%02X%02X' % tuple(reversed([int(x) for x in addr.split('.')]))
    try:
        for l in open(f'/proc/{pid}/net/tcp'):
            f = l.split()
            if len(f) > 3 and f[3] == '0A' and f[1] in (f'{a}:{port:04X}', f'00000000:{port:04X}'): return True
        for l in open(f'/proc/{pid}/net/tcp6'):
            f = l.split()
            if len(f) > 3 and f[3] == '0A' and f[1].endswith(f':{port:04X}'): return True
    except OSError: pass
    return False
def busy():
    f = open('/proc/stat').readline().split(); v = [int(x) for x in f[1:]]; return (v[0] + v[1] + v[2] + v[5] + v[6]) / CLK, v[7] / CLK

def localise(dut, folder):
    # Templates stand beside the spec; the word TORTIED is the launcher of this checkout.
    dut['files'] = {k: '@' + os.path.join(folder, t[1:]) if t.startswith('@') else t for k, t in dut.get('files', {}).items()}
    dut['cmd'] = [os.path.join(HERE, '../../../src/bin/tortied') if x == 'TORTIED' else x for x in dut['cmd']]
def run_one(dut, scn, opt, rep):
    tag = f'bb{os.getpid() % 10000}'; rd = tempfile.mkdtemp(prefix='bgpbench.'); os.chmod(rd, 0o755); args = dict(scn['args']); n = args['sessions']
    ebgp = scn['mode'] == 'ebgp'; hold = args.get('hold', 90)
    v = dict(addr='198.18.0.1', port=179, rid='198.18.0.1', cluster_id='198.18.0.1', hold=hold, keepalive=hold // 3, dir=rd, dev='v0', rr=not ebgp, ebgp=ebgp, kernel=scn['kernel'], v6=args.get('family') == 6, v4=args.get('family', 4) == 4, **{'as': 65000}, ebgpflag='--ebgp' if ebgp else '--rr')
    peers = [dict(peer=f'198.18.{1 + i // 256}.{i % 256}', peer_as=64600 + i if ebgp else 65000, i=i, comma=',' if i < n - 1 else '') for i in range(n)]
    for fn, t in dut.get('files', {}).items():
        if t.startswith('@'): t = open(t[1:]).read()
        open(os.path.join(rd, fn), 'w').write(render(t, v, peers))
    netns_down(tag); netns_up(tag, n); env = {**os.environ, **dut.get('env', {})}
    fmt = lambda x: x.replace('{dir}', rd).replace('{addr}', v['addr']).replace('{port}', str(v['port'])).replace('{as}', '65000').replace('{rid}', v['rid']).replace('{cluster_id}', v['cluster_id']).replace('{hold}', str(hold)).replace('{ebgpflag}', v['ebgpflag'])
    ns = lambda which, cmd: ['ip', 'netns', 'exec', tag + which] + (['nice', '-n', str(opt.nice)] if opt.nice else []) + cmd
    procs = []; bl = None; res = dict(dut=dut['name'], scenario=scn['name'], rep=rep, nice=opt.nice, loadavg=os.getloadavg()[0], time=time.strftime('%H:%M:%S')); guard = {'stop': False, 'killed': False, 'peak': 0}
    try:
        if dut.get('pre'): sh(*ns('-dut', ['sh', '-c', fmt(dut['pre'])]))
        for i, sc in enumerate(dut.get('sidecars', [])):
            procs.append(subprocess.Popen(ns('-dut', [fmt(x) for x in sc]), stdin=subprocess.DEVNULL, stdout=open(f'{rd}/sidecar{i}.out', 'w'), stderr=subprocess.STDOUT, env=env))
        if dut.get('sidecars'): time.sleep(dut.get('sidecar_wait', 0.5))
        ts = time.monotonic(); d = subprocess.Popen(ns('-dut', [fmt(x) for x in dut['cmd']]), stdin=subprocess.DEVNULL, stdout=open(f'{rd}/dut.out', 'w'), stderr=subprocess.STDOUT, env=env); procs.append(d)
        while not listening(d.pid, v['addr'], v['port']):
            if d.poll() is not None: raise RuntimeError('DUT exited: ' + open(f'{rd}/dut.out').read()[-600:])
            if time.monotonic() - ts > 60: raise RuntimeError('DUT does not listen: ' + open(f'{rd}/dut.out').read()[-600:])
            time.sleep(0.005)
        res['start_to_listen_s'] = time.monotonic() - ts; time.sleep(opt.warm)
        def watch():
            while not guard['stop']:
                r = rss_kb([p for q in procs for p in children(q.pid)]); guard['peak'] = max(guard['peak'], r)
                avail = int(re.search(r'MemAvailable:\s+(\d+)', open('/proc/meminfo').read()).group(1))
                if r > opt.max_rss * 1048576 or avail < 1500000: guard['killed'] = True; [os.kill(p, signal.SIGKILL) for q in procs for p in children(q.pid)]; return
                time.sleep(1)
        threading.Thread(target=watch, daemon=True).start()
        a = ['--dut', v['addr'], '--src', '198.18.1.0', '--dut-as', '65000', '--cluster-id', v['cluster_id'], '--json', f'{rd}/out.json', '--timeout', str(args.pop('timeout', scn['timeout']))]
        for p in procs: a += ['--pid', str(p.pid)]
        a += ['--expect', dut.get('quirks', {}).get('expect_ebgp' if ebgp else 'expect_rr', 'ebgp' if ebgp else 'rr')]
        if ebgp: a += ['--as-step', '1', '--local-as', '64600']
        n_ = args['sessions']; args.setdefault('pre_delay', int(min(12000, 3000 + 50 * n_)))
        mode = args.pop('mode_', 'workload'); res['table'] = FULL if mode == 'fulltable' else None; a += ['--mode', mode] + (['--file', FULL] if mode == 'fulltable' else [])
        if args.pop('withdraw_', True) is False: a += ['--no-withdraw']
        for k, x in args.items():
            if k == 'hold_test' and dut.get('no_hold_test'): continue
            a += ['--' + k.replace('_', '-')] + ([] if x is True else [str(x)])
        if scn['kernel']: return kernel_run(res, dut, scn, ns, a, v, rd, procs, args)
        b0, st0 = busy(); c0 = cpu_s([p for q in procs for p in children(q.pid)]); w0 = time.monotonic()
        bl = subprocess.Popen(ns('-gen', [HERE + '/bgpblast'] + a), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f'{rd}/blast.err', 'w'))
        try: rc = bl.wait(3 * scn['timeout'] + 120)
        except subprocess.TimeoutExpired: bl.kill(); bl.wait(); raise RuntimeError('bgpblast did not finish')
        b1, st1 = busy(); own = cpu_s([p for q in procs for p in children(q.pid)]) - c0; w1 = time.monotonic()
        if guard['killed']: res.update(ok=False, error=f'memory guard at {guard["peak"] / 1048576:.1f} GiB RSS'); return res
        if not os.path.exists(f'{rd}/out.json'): raise RuntimeError('bgpblast: ' + open(f'{rd}/blast.err').read()[-400:])
        r = json.load(open(f'{rd}/out.json')); blcpu = r['samples'][-1]['blast_cpu_s']
        res.update(ok=r['ok'], blast=r, foreign_cores=round((b1 - b0 - own - blcpu) / (w1 - w0), 3), steal=round((st1 - st0) / (w1 - w0), 3), wall=round(w1 - w0, 2)); return res
    except Exception as e:
        res.update(ok=False, error=str(e)[:900]); return res
    finally:
        guard['stop'] = True
        if bl is not None and bl.poll() is None: bl.kill(); bl.wait()
        for p in reversed(procs): stop(p, children(p.pid))
        netns_down(tag)
        if opt.keep: print('kept', rd, file=sys.stderr)
        else: shutil.rmtree(rd, ignore_errors=True)

def kernel_run(res, dut, scn, ns, a, v, rd, procs, args):
    N = scn['args']['prefixes']; allp = lambda: [p for q in procs for p in children(q.pid)]
    w = subprocess.Popen(ns('-dut', [HERE + '/krt', 'watch', str(N), str(scn['timeout'] * 3)]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1); w.stdout.readline(); lines = []
    th = threading.Thread(target=lambda: [lines.append(l.split()) for l in w.stdout], daemon=True); th.start()
    b0, st0 = busy(); w0 = time.monotonic(); c0 = cpu_s(allp())
    bl = subprocess.Popen(ns('-gen', [HERE + '/bgpblast'] + a + ['--wait-stdin', '--settle', '0']), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, bufsize=1); ev = {}
    def rd_err():
        for l in bl.stderr:
            f = l.split()
            if f and f[0] == 'EVENT': ev[f[1]] = int(f[2])
    threading.Thread(target=rd_err, daemon=True).start()
    def waitfor(c, t):
        e = time.monotonic() + t
        while time.monotonic() < e:
            if c(): return True
            if bl.poll() is not None and not c(): time.sleep(0.1); return bool(c())
            time.sleep(0.002)
        return False
    got = lambda k: [l for l in lines if l[0] == k]
    full = waitfor(lambda: got('FULL'), scn['timeout']); c1 = cpu_s(allp()); mem = rss_kb(allp()); count = subprocess.run(ns('-dut', [HERE + '/krt', 'count']), capture_output=True, text=True).stdout.strip()
    hwm = sum(hwm_kb(p) for p in allp()); empty = False
    res['kernel_routes_counted'] = int(count or -1)
    if waitfor(lambda: 'announce_wait' in ev, 5): bl.stdin.write('\n'); empty = waitfor(lambda: got('EMPTY'), scn['timeout']); c2 = cpu_s(allp())
    else: c2 = c1
    b1, st1 = busy(); w1 = time.monotonic()
    try: bl.stdin.write('\n')
    except OSError: pass
    try: bl.wait(20)
    except subprocess.TimeoutExpired: bl.kill(); bl.wait()
    try: w.stdin.write('\n'); w.stdin.close(); w.wait(10)
    except (OSError, subprocess.TimeoutExpired): w.kill()
    th.join(2); t0 = ev.get('announce', 0); krtcpu = float(got('CPU')[0][1]) if got('CPU') else 0
    k = dict(ok=bool(full and int(count or 0) == N and empty), announce_to_full_s=(int(got('FULL')[0][1]) - t0) / 1e9 if full else None, announce_to_first_s=(int(got('FIRST')[0][1]) - t0) / 1e9 if got('FIRST') else None,
             withdraw_to_empty_s=(int(got('EMPTY')[0][1]) - ev['withdraw']) / 1e9 if empty else None, cpu_install_s=c1 - c0, cpu_withdraw_s=c2 - c1, rss_kb=mem, hwm_kb=hwm, overruns=len(got('OVERRUN')), watcher_cpu_s=krtcpu)
    res.update(ok=k['ok'], kernel=k, foreign_cores=round((b1 - b0 - (c2 - c0) - krtcpu) / (w1 - w0), 3), steal=round((st1 - st0) / (w1 - w0), 3), wall=round(w1 - w0, 2)); return res

# ----------------------------------------------------------------------------- reporting
def metrics(r):
    """flat numbers of one run"""
    m = {}
    if r.get('kernel'):
        k = r['kernel']; m.update(install_s=k['announce_to_full_s'], first_s=k['announce_to_first_s'], remove_s=k['withdraw_to_empty_s'], cpu_install=k['cpu_install_s'], cpu_remove=k['cpu_withdraw_s'], hwm_mb=k['hwm_kb'] / 1024); return m
    b = r.get('blast')
    if not b: return m
    s = {x['phase']: x for x in b['samples']}; base = s.get('established')
    if b['establish']['ok']: m['up_s'] = b['establish']['all_s']; m['up_cpu'] = base['dut_cpu_s'] - s['start']['dut_cpu_s']; m['base_mb'] = base['dut_rss_kb'] / 1024
    an = b['announce'] if b['params']['senders'] else None
    if an and an['ok']:
        m['conv_s'] = an['convergence_s']; m['first_s'] = an['first_route_s']['median'] if an['first_route_s'] else None
        m['rx_mb'] = an['rx_bytes'] / 1e6; m['upd'] = an['rx_updates']; m['pfx_per_upd'] = an['rx_prefixes'] / max(1, an['rx_updates']); m['dup'] = an['rx_dup']
        e = s.get('settled') or s['converged']; m['cpu'] = e['dut_cpu_s'] - base['dut_cpu_s']; m['blast_cpu'] = s['converged']['blast_cpu_s'] - base['blast_cpu_s']
        hw = max(x['dut_hwm_kb'] for x in b['samples']); m['hwm_mb'] = hw / 1024; m['rss_mb'] = e['dut_rss_kb'] / 1024; m['b_per_route'] = (s['converged']['dut_hwm_kb'] - base['dut_rss_kb']) * 1024 / b['params']['prefixes']
        m['Madv_s'] = an['rx_prefixes'] / an['convergence_s'] / 1e6 if an['convergence_s'] else None
    if b['withdraw']['ok']: m['wd_s'] = b['withdraw']['convergence_s']; m['wd_cpu'] = s['withdrawn']['dut_cpu_s'] - s.get('flapped', s.get('late', s['settled']))['dut_cpu_s']
    if b['late'].get('ok'): m['late_s'] = b['late']['established_to_full_s']['median']
    f = b['flap']
    if f.get('each'): m.update(flap_p50_us=f['each']['p50_us'], flap_p99_us=f['each']['p99_us'], flap_all_p50_us=f['all']['p50_us'], flap_all_p99_us=f['all']['p99_us'], flap_max_us=f['all']['max_us'])
    if 'flapped' in s: m['flap_cpu_ms'] = (s['flapped']['dut_cpu_s'] - s.get('late', s['settled'])['dut_cpu_s']) * 1000 / max(1, f['n'])
    l = b['liveness']; m['max_gap_s'] = l['max_gap_s']
    if l['hold_test']['ok'] is not None: m['hold_detect_s'] = l['hold_test']['detect_s']; m['idle_gap_s'] = l['idle_max_gap_s']
    return m
COLS = ['up_s', 'conv_s', 'first_s', 'Madv_s', 'cpu', 'blast_cpu', 'late_s', 'wd_s', 'wd_cpu', 'flap_p50_us', 'flap_p99_us', 'flap_all_p50_us', 'flap_all_p99_us', 'flap_max_us', 'flap_cpu_ms', 'base_mb', 'hwm_mb', 'b_per_route', 'rx_mb', 'upd', 'pfx_per_upd', 'dup', 'max_gap_s', 'hold_detect_s', 'idle_gap_s', 'install_s', 'remove_s', 'cpu_install', 'cpu_remove']
def num(x):
    if x is None: return '-'
    if isinstance(x, str): return x
    a = abs(x)
    return f'{x:.0f}' if a >= 1000 else f'{x:.1f}' if a >= 100 else f'{x:.2f}' if a >= 1 else f'{x:.3f}' if a >= .01 else f'{x:.4f}' if a else '0'
BRIEF = [('conv_s', 'converge s', 1), ('cpu', 'DUT CPU s', 0), ('blast_cpu', 'gen CPU s', 0), ('hwm_mb', 'peak RSS MB', 0), ('b_per_route', 'bytes/route', 0), ('late_s', 'late joiner s', 0), ('wd_s', 'withdraw s', 0), ('flap_p50_us', 'flap p50 us', 0), ('flap_p99_us', 'p99 us', 0), ('flap_all_p50_us', 'last rcvr p50 us', 0), ('flap_all_p99_us', 'p99 us', 0), ('pfx_per_upd', 'pfx/UPDATE out', 0), ('rx_mb', 'MB out', 0), ('install_s', 'install s', 1), ('remove_s', 'remove s', 1), ('cpu_install', 'CPU install s', 0), ('cpu_remove', 'CPU remove s', 0), ('hold_detect_s', 'hold expiry s', 0), ('idle_gap_s', 'idle max gap s', 0), ('max_gap_s', 'max gap s', 0)]
UPB = [('up_s', 'all up s', 1), ('up_cpu', 'DUT CPU s', 0), ('base_mb', 'RSS MB', 0)]
def brief(rows, max_foreign, out=sys.stdout):
    by = {}; skipped = {}
    for r in rows: by.setdefault(r['scenario'], {}).setdefault(r['dut'], []).append(r)
    order = list(SCN)
    for sc in sorted(by, key=lambda s: order.index(s) if s in order else 99):
        ds = by[sc]; up = '_up' in sc; cols = UPB if up else BRIEF; out.write(f'\n### {sc}: {SCN[sc]["desc"] if sc in SCN else ""}\n\n'); med = {}
        for d, rs in ds.items():
            quiet = [r for r in rs if (r.get('foreign_cores') or 0) <= max_foreign] or rs; g = [metrics(r) for r in quiet if r.get('ok')]; bad = [r for r in rs if not r.get('ok')]
            if not g: g = [metrics(r) for r in quiet]
            m = {'_n': f'{sum(1 for r in quiet if r.get("ok"))}' + (f' ({len(bad)} failed)' if bad else '') + (f' ({len(rs) - len(quiet)} noisy left out)' if len(rs) > len(quiet) else ''), '_f': statistics.median([r.get('foreign_cores') or 0 for r in quiet])}
            for k, _, rng in cols:
                v = [x[k] for x in g if x.get(k) is not None]
                if v: m[k] = (statistics.median(v), min(v), max(v))
            med[d] = m
        cols = [c for c in cols if any(c[0] in m for m in med.values())]
        if not cols: continue
        key = next(c[0] for c in cols if c[2]); best = min((m[key][0] for d, m in med.items() if key in m and 'floor' not in d and not m['_n'].startswith('0')), default=None)
        out.write('| DUT | runs | ' + ' | '.join(n + (' (min-max)' if r else '') for _, n, r in cols) + ' | x best | other load |\n|' + '---|' * (len(cols) + 4) + '\n')
        for d in sorted(med, key=lambda d: med[d].get(key, (9e9,))[0]):
            m = med[d]; cell = lambda k, r: '-' if k not in m else num(m[k][0]) + (f' ({num(m[k][1])}-{num(m[k][2])})' if r else '')
            out.write(f'| {d} | {m["_n"]} | ' + ' | '.join(cell(k, r) for k, _, r in cols) + ' | ' + (f'{m[key][0] / best:.2f}' if best and key in m else '-') + f' | {m["_f"]:.2f} |\n')
        for d, rs in ds.items():
            for r in rs:
                if not r.get('ok'): b = r.get('blast'); out.write(f'- {d} rep {r["rep"]} failed: ' + (r.get('error') or (b and ('; '.join(b['validate']['first_errors'][:2]) + f' missing {b["announce"]["missing"]} of {b["params"]["prefixes"] * max(1, b["announce"]["receivers"])}, complete receivers {b["announce"]["complete"]}/{b["announce"]["receivers"]}, lost sessions {b["liveness"]["lost_sessions"]}, flap timeouts {b["flap"]["timeouts"]}')) or str(r.get('kernel')))[:400].replace(chr(10), ' ') + '\n')
def table(rows, out=sys.stdout):
    by = {}
    for r in rows: by.setdefault(r['scenario'], {}).setdefault(r['dut'], []).append(r)
    for sc, ds in by.items():
        out.write(f'\n### {sc}: {SCN[sc]["desc"] if sc in SCN else ""}\n')
        med = {}; rng = {}
        for d, rs in ds.items():
            good = [metrics(r) for r in rs if r.get('ok')]; bad = [r for r in rs if not r.get('ok')]
            part = [metrics(r) for r in bad]
            use = good or part
            med[d] = {k: statistics.median([g[k] for g in use if g.get(k) is not None]) for k in COLS if any(g.get(k) is not None for g in use)}
            rng[d] = {k: (min(g[k] for g in use if g.get(k) is not None), max(g[k] for g in use if g.get(k) is not None)) for k in med[d]}
            fc = [r['foreign_cores'] for r in rs if 'foreign_cores' in r]
            med[d]['_n'] = f'{len(good)}/{len(rs)} ok' ; med[d]['_fc'] = f'{statistics.median(fc):.2f}' if fc else '-'
        cols = [c for c in COLS if any(c in m for m in med.values())]
        peers = [d for d in med if 'floor' not in d]; key = 'conv_s' if 'conv_s' in cols else 'install_s' if 'install_s' in cols else 'up_s'
        best = min((med[d][key] for d in peers if key in med[d] and not med[d]['_n'].startswith('0/')), default=None)
        out.write('| DUT | runs | other load (cores) | ' + f'{key} min-max | x best | ' + ' | '.join(cols) + ' |\n|' + '---|' * (len(cols) + 5) + '\n')
        for d in med:
            m = med[d]; r = rng[d].get(key); out.write(f'| {d} | {m["_n"]} | {m["_fc"]} | ' + (f'{num(r[0])}-{num(r[1])}' if r else '-') + ' | ' + (f'{m[key] / best:.2f}' if best and key in m else '-') + ' | ' + ' | '.join(num(m.get(c)) for c in cols) + ' |\n')
        for d, rs in ds.items():
            for r in rs:
                if not r.get('ok'):
                    b = r.get('blast'); why = r.get('error') or (b and ('errors: ' + '; '.join(b['validate']['first_errors'][:3]) + f' missing={b["announce"]["missing"]} lost={b["liveness"]["lost_sessions"]} hold_violations={b["liveness"].get("hold_violations")} est={b["establish"]["established"]} flap_timeouts={b["flap"]["timeouts"]}')) or str(r.get('kernel'))
                    out.write(f'- {d} rep {r["rep"]} not ok: {why}\n')
def floors(k, nice):
    tag = f'bf{os.getpid() % 10000}'; netns_up(tag, 4); pre = ['ip', 'netns', 'exec', tag + '-dut'] + (['nice', '-n', str(nice)] if nice else [])
    try:
        for n in (10000, 100000):
            bf = tempfile.NamedTemporaryFile('w', suffix='.batch', delete=False); rf = bf.name + '.del'
            with bf, open(rf, 'w') as g:
                for i in range(n):
                    a = 0x0a000000 | ((i * 0x9E3779B1) & 0xffffff); d = f'{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}'
                    bf.write(f'route add {d}/32 via 198.18.1.1\n'); g.write(f'route del {d}/32\n')
            T = {'add': [], 'del': []}
            for _ in range(k):
                for key, fn in (('add', bf.name), ('del', rf)):
                    t = time.monotonic(); sh(*pre, 'ip', '-batch', fn); T[key].append(time.monotonic() - t)
            print(f'ip -batch {n}: add median {statistics.median(T["add"]):.3f} s ({min(T["add"]):.3f}-{max(T["add"]):.3f}), del median {statistics.median(T["del"]):.3f} s', flush=True)
            os.unlink(bf.name); os.unlink(rf)
            for b in (1, 16, 64, 256, 1024):
                T = {'load': [], 'del': []}; C = []
                for _ in range(k):
                    for op in ('load', 'del'):
                        r = json.loads(subprocess.run(pre + [HERE + '/krt', op, str(n), str(b), '198.18.1.1'], capture_output=True, text=True).stdout); T[op].append(r['wall_s']); C.append(r['cpu_s']) if op == 'load' else None
                print(f'netlink C {n} batch {b}: add median {statistics.median(T["load"]):.3f} s ({min(T["load"]):.3f}-{max(T["load"]):.3f}) cpu {statistics.median(C):.3f}, del median {statistics.median(T["del"]):.3f} s', flush=True)
    finally: netns_down(tag)
    import socket
    if nice: os.nice(nice)
    R = []
    for _ in range(k):
        s = socket.create_server(('127.0.0.1', 0)); total = 2 << 30
        pid = os.fork()
        if pid == 0:
            c = socket.create_connection(s.getsockname()); b = bytes(262144)
            for _ in range(total // len(b)): c.sendall(b)
            os._exit(0)
        c, _a = s.accept(); buf = bytearray(262144); got = 0; t = time.monotonic()
        while got < total:
            n = c.recv_into(buf)
            if not n: break
            got += n
        R.append(got / (time.monotonic() - t) / 1e9); os.waitpid(pid, 0); c.close(); s.close()
    print(f'loopback TCP one stream: median {statistics.median(R):.2f} GB/s ({min(R):.2f}-{max(R):.2f})')
    a = bytearray(256 << 20); b = memoryview(bytearray(256 << 20)); R = []
    for _ in range(k): t = time.monotonic(); b[:] = a; R.append(0.268435456 / (time.monotonic() - t))
    print(f'memcpy 256 MiB: median {statistics.median(R):.2f} GB/s')
def _term(*_): raise SystemExit(143)
def main():
    signal.signal(signal.SIGTERM, _term)
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); sp = ap.add_subparsers(dest='cmd', required=True); sp.add_parser('list')
    r = sp.add_parser('run'); r.add_argument('-s', '--scenarios', required=True); r.add_argument('-d', '--duts', default='bird,frr,gobgp,openbgpd,floor'); r.add_argument('-k', '--reps', type=int, default=3); r.add_argument('-o', '--out', default='results.jsonl'); r.add_argument('--spec', action='append', default=[])
    r.add_argument('--nice', type=int, default=0, help='niceness of DUT and generator alike (negative on a shared machine)'); r.add_argument('--warm', type=float, default=0.5); r.add_argument('--max-rss', type=float, default=10, help='GiB, memory guard'); r.add_argument('--keep', action='store_true'); r.add_argument('--max-foreign', type=float, default=9, help='repeat a run (up to 3 times) while others used more cores than this'); r.add_argument('--give-up', action='store_true', help='drop a DUT from a scenario after its first failed run')
    r.add_argument('--set', action='append', default=[], help='override a scenario argument, e.g. --set flap=100')
    t = sp.add_parser('table'); t.add_argument('file', nargs='+'); t.add_argument('--wide', action='store_true', help='every column'); t.add_argument('--max-foreign', type=float, default=0.6, help='leave out runs during which others used more cores than this, if quieter ones exist')
    fl = sp.add_parser('floors'); fl.add_argument('-k', type=int, default=5); fl.add_argument('--nice', type=int, default=0)
    o = ap.parse_args()
    if o.cmd == 'list':
        for k, s in SCN.items(): print(f'{k:12} {s["desc"]}')
        print('DUTs:', ', '.join(DUTS)); return
    if o.cmd == 'floors': floors(o.k, o.nice); return
    if o.cmd == 'table': rows = [json.loads(l) for f in o.file for l in open(f)]; table(rows) if o.wide else brief(rows, o.max_foreign); return
    for f in o.spec: d = json.load(open(f)); d.setdefault('supports', ['rr', 'ebgp']); localise(d, os.path.dirname(os.path.abspath(f))); DUTS[d['name']] = d
    for b in ('bgpblast', 'bgpfloor', 'krt'):
        if not os.path.exists(f'{HERE}/{b}') or os.path.getmtime(f'{HERE}/{b}') < os.path.getmtime(f'{HERE}/{b}.c'): subprocess.run(['gcc', '-O2', '-o', f'{HERE}/{b}', f'{HERE}/{b}.c'], check=True)
    rows = []
    for sc in o.scenarios.split(','):
        s = json.loads(json.dumps(SCN[sc]))
        for kv in o.set: k, x = kv.split('=', 1); s['args'][k] = int(x) if re.fullmatch(r'-?\d+', x) else x
        need = 'kernel' if s['kernel'] else s['mode']; duts = [d for d in o.duts.split(',') if need in DUTS[d]['supports']]; drop = set(); srows = []
        for rep in range(o.reps):
            order = duts[rep % len(duts):] + duts[:rep % len(duts)] if duts else []
            for d in order:
                if d in drop: continue
                for attempt in range(3):
                    res = run_one(DUTS[d], s, o, rep); m = metrics(res)
                    print(f'{sc} {d} rep{rep} ok={res["ok"]} load={res["loadavg"]:.2f} foreign={res.get("foreign_cores")} ' + ' '.join(f'{k}={num(m[k])}' for k in ('up_s', 'conv_s', 'cpu', 'blast_cpu', 'late_s', 'wd_s', 'flap_p50_us', 'flap_all_p99_us', 'hwm_mb', 'hold_detect_s', 'install_s', 'remove_s') if k in m) + ('' if res['ok'] else ' ' + str(res.get('error') or res.get('kernel') or (res['blast']['validate']['first_errors'][:2], 'missing', res['blast']['announce']['missing'], 'lost', res['blast']['liveness']['lost_sessions']))[:400]), flush=True)
                    if res.get('foreign_cores') is None or res['foreign_cores'] <= o.max_foreign or not res['ok']: break
                with open(o.out, 'a') as f: f.write(json.dumps(res) + '\n')
                rows.append(res)
                if not res['ok'] and o.give_up: drop.add(d)
    table(rows)
if __name__ == '__main__': main()
