// A recursive grep in the style of Go textbooks: one goroutine walks and sends files through a
// channel, workers scan them line by line and send results through another channel. It searches
// twice, and prints the milliseconds, the CPU milliseconds, the bytes and the lines of the second run.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type counts struct{ bytes, lines int }

func scan(path string, re *regexp.Regexp) []byte {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return nil
	}
	defer file.Close()
	var out bytes.Buffer
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 64*1024), 64*1024*1024)
	for number := 1; lines.Scan(); number++ {
		if bytes.IndexByte(lines.Bytes(), 0) >= 0 {
			return out.Bytes() // a binary file
		}
		if re.Match(lines.Bytes()) {
			fmt.Fprintf(&out, "%s:%d:%s\n", path, number, lines.Bytes())
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, path, err)
	}
	return out.Bytes()
}

func grep(re *regexp.Regexp, root string, workers int) counts {
	files, results := make(chan string, 64), make(chan []byte, 64)
	go func() {
		defer close(files)
		filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			} else if entry.Type().IsRegular() {
				files <- path
			}
			return nil
		})
	}()
	var working sync.WaitGroup
	for i := 0; i < workers; i++ {
		working.Add(1)
		go func() {
			defer working.Done()
			for path := range files {
				if found := scan(path, re); len(found) > 0 {
					results <- found
				}
			}
		}()
	}
	go func() {
		working.Wait()
		close(results)
	}()
	var total counts
	for found := range results {
		total.bytes += len(found)
		total.lines += bytes.Count(found, []byte("\n"))
	}
	return total
}

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	re := regexp.MustCompile(os.Args[1])
	workers, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	grep(re, os.Args[2], workers)
	begun, before := time.Now(), cpu()
	total := grep(re, os.Args[2], workers)
	took, spent := time.Since(begun), cpu()-before
	fmt.Println(took.Seconds()*1e3, spent.Seconds()*1e3, total.bytes, total.lines)
}
