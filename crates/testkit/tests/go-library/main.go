// Calls every Test Engine method of Buildkite's Go library, unmodified, and prints what the library
// read as one JSON object: a value, or the status and message of an error, for each call.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/buildkite/go-buildkite/v4"
)

var organization = os.Getenv("ORGANIZATION")

var results = map[string]any{}

func record(call string, value any, response *buildkite.Response, err error) {
	var failure *buildkite.ErrorResponse
	switch {
	case errors.As(err, &failure):
		value = map[string]any{"status": failure.Response.StatusCode, "message": failure.Message}
	case err != nil:
		value = map[string]any{"error": err.Error()}
	case value == nil:
		value = map[string]any{"status": response.StatusCode}
	}
	results[call] = value
}

// The options of every page but the first come from the Link header, as the library reads it.
func allPages[T any](fetch func(buildkite.ListOptions) ([]T, *buildkite.Response, error)) []T {
	var all []T
	options := buildkite.ListOptions{Page: 1, PerPage: 1}
	for {
		items, response, err := fetch(options)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		all = append(all, items...)
		if response.NextPage == 0 {
			return all
		}
		options.Page = response.NextPage
	}
}

func main() {
	client, err := buildkite.NewOpts(
		buildkite.WithBaseURL(os.Getenv("SERVER")+"/"),
		buildkite.WithTokenAuth(os.Getenv("TOKEN")),
		buildkite.WithHTTPClient(http.DefaultClient),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, suite, build := context.Background(), os.Getenv("SUITE"), os.Getenv("BUILD")
	suites(ctx, client)
	runs(ctx, client, suite)
	tests(ctx, client, suite, build)
	others(ctx, client, suite, build)
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func suites(ctx context.Context, client *buildkite.Client) {
	service := client.TestSuites
	created, response, err := service.Create(ctx, organization, buildkite.TestSuiteCreate{
		Name: "From Go", DefaultBranch: "main", ShowAPIToken: true,
	})
	record("suite create", created, response, err)
	changed, response, err := service.Update(ctx, organization, created.Slug,
		buildkite.TestSuite{Name: "Renamed", DefaultBranch: "trunk"})
	record("suite update", changed, response, err)
	read, response, err := service.Get(ctx, organization, created.Slug)
	record("suite get", read, response, err)
	results["suite list"] = allPages(func(options buildkite.ListOptions) (
		[]buildkite.TestSuite, *buildkite.Response, error,
	) {
		return service.List(ctx, organization, &buildkite.TestSuiteListOptions{ListOptions: options})
	})
	response, err = service.Delete(ctx, organization, created.Slug)
	record("suite delete", nil, response, err)
	gone, response, err := service.Get(ctx, organization, created.Slug)
	record("suite get deleted", gone, response, err)
}

func runs(ctx context.Context, client *buildkite.Client, suite string) {
	service := client.TestRuns
	list := allPages(func(options buildkite.ListOptions) (
		[]buildkite.TestRun, *buildkite.Response, error,
	) {
		return service.List(ctx, organization, suite,
			&buildkite.TestRunsListOptions{ListOptions: options})
	})
	results["run list"] = list
	run, response, err := service.Get(ctx, organization, suite, list[0].ID)
	record("run get", run, response, err)
	failed, response, err := service.GetFailedExecutions(ctx, organization, suite, list[0].ID,
		&buildkite.FailedExecutionsOptions{IncludeFailureExpanded: true})
	record("failed executions", failed, response, err)
	if len(failed) > 0 {
		test, response, err := client.Tests.Get(ctx, organization, suite, failed[0].TestID)
		record("test get", test, response, err)
	}
}

func tests(ctx context.Context, client *buildkite.Client, suite, build string) {
	results["flaky tests"] = allPages(func(options buildkite.ListOptions) (
		[]buildkite.FlakyTest, *buildkite.Response, error,
	) {
		return client.FlakyTests.List(ctx, organization, suite,
			&buildkite.FlakyTestsListOptions{ListOptions: options})
	})
	list := func(name string, options buildkite.BuildTestsListOptions) {
		found, response, err := client.BuildTests.List(ctx, organization, build, &options)
		record(name, found, response, err)
	}
	results["build tests"] = allPages(func(options buildkite.ListOptions) (
		[]buildkite.BuildTest, *buildkite.Response, error,
	) {
		return client.BuildTests.List(ctx, organization, build,
			&buildkite.BuildTestsListOptions{ListOptions: options})
	})
	list("build tests that failed", buildkite.BuildTestsListOptions{
		Result: "^failed", State: "enabled", Include: "latest_fail",
	})
	list("executions of build tests", buildkite.BuildTestsListOptions{
		Result: "passed", Include: "executions",
	})
	list("unknown result", buildkite.BuildTestsListOptions{Result: "broken"})
	list("unknown state", buildkite.BuildTestsListOptions{State: "broken"})
	list("unknown include", buildkite.BuildTestsListOptions{Include: "broken"})
}

func others(ctx context.Context, client *buildkite.Client, suite, build string) {
	token, response, err := client.AccessTokens.Get(ctx)
	record("access token", token, response, err)
	teams, response, err := client.TeamSuites.List(ctx, organization, "a-team", nil)
	record("team suites", teams, response, err)
	added, response, err := client.TeamSuites.Create(ctx, organization, "a-team",
		buildkite.CreateTeamSuites{SuiteID: suite, AccessLevel: []string{"read"}})
	record("team suite create", added, response, err)
	none, response, err := client.BuildTests.List(ctx, organization, "no-such-build", nil)
	record("unknown build", none, response, err)
}
