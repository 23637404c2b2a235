// Loads a cluster of etcd or of ours, both in the same way, and prints one line of JSON: so many requests at a time,
// closed loop or at a rate, over so many TLS connections. What is asked at first, while everything gets warm, does not
// count.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

// One connection, which many may use at a time.
type connection interface {
	write(ctx context.Context, key, value string) error
	read(ctx context.Context) error
	close()
}

type figures struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	P50        float64 `json:"p50Ms"`
	P99        float64 `json:"p99Ms"`
	Failed     int     `json:"failed"`
}

func credentials(folder string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(folder+"/client.crt", folder+"/client.key")
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(folder + "/ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}

func run() error {
	of := flag.String("of", "etcd", "etcd or ours")
	endpoints := flag.String("endpoints", "", "host:port, comma separated")
	leader := flag.Bool("leader", false, "of the endpoints of etcd only the one that leads")
	folder := flag.String("certificates", "", "folder with ca.crt, client.crt and client.key")
	clients := flag.Int("clients", 500, "requests at a time")
	connections := flag.Int("connections", 100, "connections they share")
	bytes := flag.Int("bytes", 1024, "of each value")
	warm := flag.Float64("warm", 2, "seconds before those that count")
	seconds := flag.Float64("seconds", 10, "length of the run")
	rate := flag.Float64("rate", 0, "operations per second in all; 0 for as many as go")
	reads := flag.Bool("reads", false, "linearizable reads instead of writes")
	flag.Parse()

	config, err := credentials(*folder)
	if err != nil {
		return err
	}
	dial := dialEtcd
	if *of == "ours" {
		dial = dialOurs
	}
	used := strings.Split(*endpoints, ",")
	if *leader {
		if used, err = leaderOfEtcd(used, config); err != nil {
			return err
		}
	}
	var pool []connection
	for at := 0; at < *connections; at++ {
		one, err := dial(used[at%len(used)], config)
		if err != nil {
			return err
		}
		defer one.close()
		pool = append(pool, one)
	}
	value := strings.Repeat("x", *bytes)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, one := range pool {
		if err := one.write(ctx, "bench", value); err != nil {
			return err
		}
	}

	var group sync.WaitGroup
	var mutex sync.Mutex
	var all []float64
	failed := 0
	begin := time.Now()
	counted := begin.Add(time.Duration(*warm * float64(time.Second)))
	end := counted.Add(time.Duration(*seconds * float64(time.Second)))
	for number := 0; number < *clients; number++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			one := pool[number%len(pool)]
			key := fmt.Sprintf("bench/%d", number)
			var mine []float64
			bad := 0
			pause := time.Duration(0)
			if *rate > 0 {
				pause = time.Duration(float64(*clients) / *rate * float64(time.Second))
			}
			next := begin.Add(time.Duration(float64(pause) * float64(number) / float64(*clients)))
			for time.Now().Before(end) {
				if pause > 0 {
					time.Sleep(time.Until(next))
					next = next.Add(pause)
				}
				started := time.Now()
				request, stop := context.WithTimeout(context.Background(), 10*time.Second)
				var err error
				if *reads {
					err = one.read(request)
				} else {
					err = one.write(request, key, value)
				}
				stop()
				if err != nil {
					bad++
				} else if !started.Before(counted) {
					mine = append(mine, float64(time.Since(started).Microseconds())/1000)
				}
			}
			mutex.Lock()
			all = append(all, mine...)
			failed += bad
			mutex.Unlock()
		}(number)
	}
	group.Wait()
	elapsed := time.Since(counted).Seconds()
	if len(all) == 0 {
		return fmt.Errorf("no operation succeeded, %d failed", failed)
	}
	sort.Float64s(all)
	return json.NewEncoder(os.Stdout).Encode(figures{
		Operations: len(all),
		Seconds:    elapsed,
		P50:        all[len(all)/2],
		P99:        all[len(all)*99/100],
		Failed:     failed,
	})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
