package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// With etcd's own client.
type etcdConnection struct {
	client *clientv3.Client
}

func dialEtcd(endpoint string, config *tls.Config) (connection, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, TLS: config, DialTimeout: 5 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return &etcdConnection{client}, nil
}

func (one *etcdConnection) write(ctx context.Context, key, value string) error {
	_, err := one.client.Put(ctx, key, value)
	return err
}

func (one *etcdConnection) read(ctx context.Context) error {
	_, err := one.client.Get(ctx, "bench")
	return err
}

func (one *etcdConnection) close() {
	one.client.Close()
}

func leaderOfEtcd(endpoints []string, config *tls.Config) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, DialTimeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for ctx.Err() == nil {
		for _, endpoint := range endpoints {
			status, err := client.Status(ctx, endpoint)
			if err == nil && status.Leader == status.Header.MemberId {
				return []string{endpoint}, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("nobody leads: %w", ctx.Err())
}
