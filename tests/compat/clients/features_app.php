<?php
// What phpredis offers beyond plain commands, on one Redis that is reached at one port or at two (two proxies): pipelines,
// transactions with WATCH, subscriptions, blocking pops, scripts by their SHA, SCAN, sessions. What one connection writes,
// one on the other port sees. Usage: php features_app.php HOST PORT[,PORT]
declare(strict_types=1);
set_error_handler(function ($number, $text, $file, $line) { throw new ErrorException($text, 0, $number, $file, $line); });

$host = $argv[1];
$ports = array_map('intval', explode(',', $argv[2]));
const WAIT = 30;

function connect(int $turn): Redis {
    global $host, $ports;
    $client = new Redis();
    $client->connect($host, $ports[$turn % count($ports)], 5.0, null, 0, 60.0);
    return $client;
}

function expect($actual, $wanted): void {
    if ($actual !== $wanted) throw new Exception('got ' . json_encode($actual) . ', wanted ' . json_encode($wanted));
}

/** Runs `work` in a process of its own; the returned function waits until it has ended well. */
function beside(callable $work): callable {
    $pid = pcntl_fork();
    if ($pid === 0) {
        try {
            $work();
        } catch (Throwable $error) {
            fwrite(STDERR, "$error\n");
            posix_kill(getmypid(), SIGKILL);
        }
        exit(0);
    }
    return function () use ($pid) {
        pcntl_waitpid($pid, $status);
        if ($status !== 0) throw new Exception("the other process ended with $status");
    };
}

function until(callable $condition, string $what): void {
    for ($deadline = microtime(true) + WAIT; !$condition(); usleep(10000)) {
        if (microtime(true) > $deadline) throw new Exception("waited in vain for $what");
    }
}

[$here, $there] = [connect(0), connect(1)];
$here->flushAll();
$keys = array_map(fn($number) => "php:$number", range(0, 199));
$numbers = array_map('strval', range(0, 199));

$pipe = $here->pipeline();
foreach ($keys as $number => $key) $pipe->set($key, (string)$number);
expect($pipe->mget(array_slice($keys, 0, 10))->lPush('php:list', 'x')->incr('php:list')->exec(),
       array_merge(array_fill(0, 200, true), [array_slice($numbers, 0, 10), 1, false]));
expect($there->mget($keys), $numbers);
expect($here->mset(array_combine($keys, $numbers)), true);

expect($here->multi()->set('{php}a', '1')->incr('{php}a')->rPush('{php}l', 'x', 'y')->lRange('{php}l', 0, -1)->exec(), [true, 2, 2, ['x', 'y']]);
$here->watch(['{php}a', '{php}b']);
$there->set('{php}b', '1');
expect($here->multi()->incr('{php}a')->exec(), false);
$here->watch('{php}a');
expect($here->multi()->incr('{php}a')->exec(), [3]);
$here->watch('{php}a');
$there->incr('{php}a');
$here->unwatch();
expect($here->multi()->incr('{php}a')->exec(), [5]);
$here->multi()->incr('{php}a');
$here->discard();
expect($there->get('{php}a'), '5');

// phpredis waits for further messages for ever: a subscriber leaves by closing its connection.
function messages(string $kind, array $names, int $count): array {
    $client = connect(1);
    $got = [];
    try {
        $client->$kind($names, function ($redis, ...$message) use (&$got, $kind, $names, $count) {
            $got[] = implode(' ', $message);
            if (count($got) < $count) return;
            expect($redis->{str_replace('sub', 'unsub', $kind)}($names), array_fill_keys($names, true));
            $redis->close();
        });
    } catch (RedisException $error) {
        if (count($got) !== $count) throw $error;
    }
    return $got;
}
$finish = beside(function () use ($keys) {
    $news = array_filter(messages('subscribe', ['php:news', 'php:more'], 100), fn($text) => str_starts_with($text, 'php:news'));
    expect(array_values($news), array_map(fn($number) => "php:news $number", range(0, 49)));
});
$finishPatterns = beside(function () {
    expect(messages('psubscribe', ['php:n*'], 50), array_map(fn($number) => "php:n* php:news $number", range(0, 49)));
});
until(fn() => min(array_map('intval', $here->pubsub('numsub', ['php:news', 'php:more']))) >= 1 && $here->pubsub('numpat') >= 1, 'the subscribers');
for ($number = 0; $number < 50; ++$number) {
    $here->publish('php:news', (string)$number);
    $here->publish('php:more', (string)$number);
}
$finish();
$finishPatterns();

$queues = array_map(fn($number) => "php:queue:$number", range(0, 9));
$consumers = array_map(fn() => beside(function () use ($queues) {
    for ($client = connect(1); ([$queue, $element] = $client->brPop($queues, WAIT)) && $element !== 'end';) $client->sAdd('php:taken', "$queue $element");
}), range(0, 2));
$sent = [];
for ($number = 0; $number < 300; ++$number) {
    $here->lPush($queues[$number % 10], (string)$number);
    $sent[] = $queues[$number % 10] . " $number";
}
until(fn() => $here->sCard('php:taken') === 300, 'the elements');
foreach ($consumers as $_) $here->lPush($queues[0], 'end');
foreach ($consumers as $finish) $finish();
$taken = $there->sMembers('php:taken');
sort($taken);
sort($sent);
expect($taken, $sent);
$there->rPush($queues[7], 'seven');
$there->rPush($queues[2], 'two');
expect($here->blPop(array_merge([$queues[5]], array_reverse($queues)), WAIT), [$queues[7], 'seven']);
expect($here->blPop($queues, WAIT), [$queues[2], 'two']);
expect($here->blPop($queues, 1), []);
$finish = beside(function () { usleep(50000); connect(1)->rPush('{php}from', 'moved'); });
expect($here->brpoplpush('{php}from', '{php}to', WAIT), 'moved');
$finish();
$finish = beside(function () { usleep(50000); connect(1)->zAdd('php:z', 2, 'm'); });
expect($here->bzPopMin(['php:z:other', 'php:z'], WAIT), ['php:z', 'm', '2']);
$finish();

$here->script('flush');
$sha = $here->script('load', 'return redis.call("INCRBY", KEYS[1], ARGV[1])');
foreach ($keys as $number => $key) expect($there->evalSha($sha, [$key, 5], 1), $number + 5);
expect($there->script('exists', $sha, str_repeat('0', 40)), [1, 0]);
expect($there->evalSha(str_repeat('0', 40), ['k'], 1), false);
expect($there->getLastError(), 'NOSCRIPT No matching script. Please use EVAL.');

$there->setOption(Redis::OPT_SCAN, (string)Redis::SCAN_RETRY);
$seen = [];
for ($cursor = null; ($page = $there->scan($cursor, 'php:*[0-9]', 7)) !== false;) array_push($seen, ...$page);
$seen = array_values(array_filter(array_unique($seen), fn($key) => in_array($key, $keys, true)));
sort($seen);
sort($keys);
expect($seen, $keys);

// PHP's own sessions, locked while they are open.
foreach ([0, 1, 0, 1] as $visits => $turn) {
    ini_set('session.save_handler', 'redis');
    ini_set('session.save_path', "tcp://$host:" . $ports[$turn % count($ports)]);
    ini_set('redis.session.locking_enabled', '1');
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    session_id('keywaysession');
    session_start();
    expect($_SESSION['visits'] ?? 0, $visits);
    $_SESSION['visits'] = $visits + 1;
    session_write_close();
    $_SESSION = [];
}
$here->flushAll();
echo "ok\n";
